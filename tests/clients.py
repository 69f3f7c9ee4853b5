"""Third-party clients (OpenAI, MCP) against a running server: clients.py BASE KEY NIGH COLLECTION"""

import asyncio
import sys

import httpx2
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from openai import NotFoundError, OpenAI

BASE, KEY, NIGH, COLLECTION = sys.argv[1:]


def check_embeddings():
    client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY)
    texts = ["The moon pulls the sea.", "Ocean tides follow the moon.", "Bread needs yeast."]
    # The client requests base64 unless a format is given.
    as_base64 = client.embeddings.create(model="builtin", input=texts)
    as_floats = client.embeddings.create(model="builtin", input=texts, encoding_format="float")
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    vectors = [found.embedding for found in as_base64.data]
    assert len(vectors) == 3 and len(vectors[0]) == 384 and as_base64.usage.total_tokens > 10
    for one, other in zip(as_base64.data, as_floats.data):
        assert max(abs(x - y) for x, y in zip(one.embedding, other.embedding)) < 1e-6
    assert dot(vectors[0], vectors[1]) > 0.4 + dot(vectors[0], vectors[2])
    assert "minilm-l6-v2-int8" in [model.id for model in client.models.list()]
    assert client.models.retrieve("builtin").id == "minilm-l6-v2-int8"
    try:
        client.embeddings.create(model="another", input="x")
    except NotFoundError as error:
        assert "no model" in error.body["message"] and error.code == "model_not_found", error.body
        assert "no model" in str(error)
    else:
        raise AssertionError("an unknown model was accepted")


async def check_tools(read, write):
    async with ClientSession(read, write) as session:
        await session.initialize()
        names = sorted(tool.name for tool in (await session.list_tools()).tools)
        assert names == ["evaluate", "get_article", "list_collections", "search"], names
        found = await session.call_tool("search", {"question": "what pulls the oceans", "k": 1})
        assert "The moon pulls the oceans." in found.content[0].text, found
        assert (await session.call_tool("get_article", {"id": "bread"})).content[0].text.startswith("Bread")
        assert "books: " in (await session.call_tool("list_collections", {})).content[0].text
        judged = await session.call_tool("evaluate", {"questions": [{"question": "what makes dough rise", "answers": ["wild yeast"]}]})
        assert judged.content[0].text.startswith("1 questions"), judged
        wrong = await session.call_tool("get_article", {"id": "none"})
        assert wrong.is_error and "no article" in wrong.content[0].text, wrong


async def check_mcp():
    async with stdio_client(StdioServerParameters(command=NIGH, args=["mcp", "-c", COLLECTION])) as (read, write):
        await check_tools(read, write)
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=60) as client:
        async with streamable_http_client(f"{BASE}/mcp", http_client=client) as streams:
            await check_tools(streams[0], streams[1])


check_embeddings()
asyncio.run(check_mcp())
print("all clients work")
