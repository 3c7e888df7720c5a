"""Lists and calls all tools of a function with random schemas, with the official Python client, for both protocol revisions.

clients/schemas.ts has written the calls to FILE.

    python clients/schemas.py URL TOKEN FILE
"""

import asyncio
import json
import sys

from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL, TOKEN, FILE = sys.argv[1:]
with open(FILE, encoding="utf-8") as file:
    CASES = json.load(file)


async def check(mode: str) -> None:
    http = create_mcp_http_client(headers={"X-Jelou-Token": TOKEN})
    async with Client(streamable_http_client(URL, http_client=http), mode=mode) as mcp:
        tools = (await mcp.list_tools()).tools
        assert {tool.name for tool in tools} == {case["tool"] for case in CASES}
        validators = {}
        for tool in tools:
            Draft202012Validator.check_schema(tool.input_schema)
            validators[tool.name] = Draft202012Validator(tool.input_schema)
        for case in CASES:
            fits = validators[case["tool"]].is_valid(case["arguments"])
            assert fits == (case["wrong"] is None), case
            result = await mcp.call_tool(case["tool"], case["arguments"])
            assert result.is_error == (case["wrong"] is not None), (case, result)
            if case["echoes"] and case["wrong"] is None:
                assert result.structured_content == {"received": case["sent"]}, (case, result)
    print(f"ok: Python {mode}, {len(tools)} schemas, {len(CASES)} calls")


async def main() -> None:
    for mode in ["legacy", "auto"]:
        await check(mode)


asyncio.run(main())
