"""Conversations that compare-templates renders, each the variables of one call of apply_chat_template."""

SYSTEM = {"role": "system", "content": "Be brief & kind."}
USER = {"role": "user", "content": "  How many <pens>?\n"}
ANSWER = {"role": "assistant", "content": "Twelve \"pens\"."}
AGAIN = {"role": "user", "content": "Ünïcödé 日本 👩‍👩‍👧?"}
THOUGHT = {"role": "assistant", "content": "<think>\nSeven plus five.\n</think>\n\nTwelve."}
REASONED = {"role": "assistant", "content": "Twelve.", "reasoning_content": "Seven plus five."}

TOOLS = [
    {"type": "function", "function": {
        "name": "weather", "description": "Tells \"it\" <now>.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The place"},
                "days": {"type": "integer", "enum": [1, 2]},
                "units": {"type": ["string", "null"], "default": None}},
            "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "clock", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "call00001", "type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2}}}]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": "{\"sky\": \"grey\"}"}
TEXT_CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "call00001", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Köln\"}"}}]}
DOCUMENTS = [{"title": "Pens", "text": "There are twelve."}, {"title": "Sky", "text": "It is grey."}]
PARTS = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image"}]}


def conversations(special_tokens):
    """The variables of each conversation by its name."""
    def of(messages, prompt=True, **others):
        return {**special_tokens, "messages": messages, "add_generation_prompt": prompt, **others}

    return {
        "user": of([USER]),
        "no generation prompt": of([USER], prompt=False),
        "system": of([SYSTEM, USER]),
        "turns": of([USER, ANSWER, AGAIN]),
        "system and turns": of([SYSTEM, USER, ANSWER, AGAIN]),
        "ends with an answer": of([SYSTEM, USER, ANSWER], prompt=False),
        "tools": of([SYSTEM, USER], tools=TOOLS),
        "tool call": of([USER, CALL, RESULT], tools=TOOLS),
        "tool call as text": of([SYSTEM, USER, TEXT_CALL, RESULT, ANSWER, AGAIN], tools=TOOLS),
        "documents": of([USER], documents=DOCUMENTS),
        "thought in the answer": of([USER, THOUGHT, AGAIN]),
        "reasoning apart": of([USER, REASONED, AGAIN], enable_thinking=True),
        "no thinking": of([USER], enable_thinking=False),
        "content in parts": of([PARTS]),
        "two users": of([USER, AGAIN]),
        "nothing": of([]),
    }
