"""Calls every tool with the official client, over stdio and over HTTP, and prints what came as JSON.

Usage: mcp_client.py stdio COMMAND... | mcp_client.py http ADDRESS [KEY]
The calls come from standard input: a JSON list of [tool, arguments].
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


async def talk(read, write, calls):
    async with ClientSession(read, write) as session:
        started = await session.initialize()
        tools = await session.list_tools()
        answers = []
        for name, arguments in calls:
            try:
                result = await session.call_tool(name, arguments)
                answers.append({
                    "is_error": bool(result.is_error if hasattr(result, "is_error") else result.isError),
                    "text": result.content[0].text,
                })
            except Exception as error:  # the protocol's own errors
                answers.append({"is_error": True, "text": str(error)})
        info = started.server_info if hasattr(started, "server_info") else started.serverInfo
        print(json.dumps({
            "server": info.name,
            "tools": [tool.name for tool in tools.tools],
            "answers": answers,
        }))


async def main(kind, *rest):
    calls = json.load(sys.stdin)
    if kind == "stdio":
        parameters = StdioServerParameters(command=rest[0], args=list(rest[1:]))
        async with stdio_client(parameters) as streams:
            await talk(streams[0], streams[1], calls)
    else:
        headers = {"Authorization": f"Bearer {rest[1]}"} if len(rest) > 1 else {}
        async with create_mcp_http_client(headers=headers) as client:
            async with streamable_http_client(rest[0], http_client=client) as streams:
                await talk(streams[0], streams[1], calls)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
