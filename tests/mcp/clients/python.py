"""Tests the official Python client, for both protocol revisions, with the function in `tools/` and one without public tools.

    python clients/python.py URL TOKEN PRIVATE_URL
"""

import asyncio
import sys

from mcp import Client, MCPError
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL, TOKEN, PRIVATE_URL = sys.argv[1:]


def client(url: str, mode: str, headers: dict[str, str], statuses: list[int] | None = None) -> Client:
    http = create_mcp_http_client(headers=headers)

    async def note(response: object) -> None:
        if statuses is not None:
            statuses.append(response.status_code)

    http.event_hooks["response"].append(note)
    return Client(streamable_http_client(url, http_client=http), mode=mode)


async def check(mode: str, version: str) -> None:
    async with client(URL, mode, {"X-Jelou-Token": TOKEN}) as mcp:
        assert mcp.protocol_version == version, mcp.protocol_version
        tools = (await mcp.list_tools()).tools
        names = [tool.name for tool in tools]
        assert names[0] == "send_email" and "hidden" not in names, names

        sent = await mcp.call_tool("send_email", {"to": "a@example.com", "subject": "Hi"})
        assert sent.structured_content == {"id": "hi", "to": "a@example.com"}, sent
        invalid = await mcp.call_tool("send_email", {"to": "nobody", "subject": "Hi"})
        assert invalid.is_error, invalid
        assert invalid.content[0].text == "Validation failed\n- to: Invalid email", invalid
        failed = await mcp.call_tool("fail", {})
        assert failed.is_error and failed.content[0].text == "Internal function error", failed
        try:
            unknown = await mcp.call_tool("hidden", {})
        except MCPError as error:
            assert "Unknown tool: hidden" in str(error), error
        else:
            raise AssertionError(unknown)

    async with client(URL, mode, {}) as mcp:
        public = [tool.name for tool in (await mcp.list_tools()).tools]
        assert public == ["ping"], public
    await refused(URL, mode, {"X-Jelou-Token": "jfn_rt_wrong"})
    await refused(PRIVATE_URL, mode, {})
    await refused(PRIVATE_URL, mode, {"Authorization": f"Bearer {TOKEN}"})
    print(f"ok: Python {version}")


async def refused(url: str, mode: str, headers: dict[str, str]) -> None:
    statuses: list[int] = []
    try:
        async with client(url, mode, headers, statuses) as mcp:
            tools = await mcp.list_tools()
    except Exception:  # noqa: BLE001 - the error has no reason, but the statuses do
        assert statuses and set(statuses) == {401}, statuses
    else:
        raise AssertionError(tools)


async def main() -> None:
    await check("legacy", "2025-11-25")
    await check("auto", "2026-07-28")


asyncio.run(main())
