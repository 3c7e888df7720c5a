"""Checks OpenAPI documents with a third-party validator.

    python openapi.py URL...
"""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

for url in sys.argv[1:]:
    with urllib.request.urlopen(url) as response:
        document = json.load(response)
    assert document["openapi"] == "3.1.0", document["openapi"]
    OpenAPIV31SpecValidator(document).validate()
    operations = sum(len(item) for item in document["paths"].values())
    print(f"ok: OpenAPI of {document['info']['title']}, {operations} operations")
