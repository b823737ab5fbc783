"""Write a prompt as the messages and parameters of the model library.

The library is imported when it is used, because that takes long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from discreet.turn.prompt import Prompt
from discreet.turn.tools import ToolSpec

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, UserContent
    from pydantic_ai.models import ModelRequestParameters


def parameters_of(prompt: Prompt, specs: Sequence[ToolSpec]) -> ModelRequestParameters:
    """Return the tools, and the instructions in their stable and their changing part."""
    from pydantic_ai.messages import InstructionPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    stable, changing = prompt.parts()
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=spec.name, description=spec.description, parameters_json_schema=spec.schema
            )
            for spec in specs
        ],
        instruction_parts=[
            InstructionPart(stable),
            *([InstructionPart(changing, dynamic=True)] if changing else []),
        ],
    )


def request_of(content: str | list[UserContent]) -> ModelMessage:
    """Return a message of the person."""
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    return ModelRequest(parts=[UserPromptPart(content)])


def reply_of(text: str) -> ModelMessage:
    """Return a message of the model."""
    from pydantic_ai.messages import ModelResponse, TextPart

    return ModelResponse(parts=[TextPart(text)])


def question_of(prompt: Prompt) -> str | list[UserContent]:
    """Return the content of the message to answer: its text and files."""
    from pydantic_ai.messages import BinaryContent

    text = prompt.messages[-1].text
    if not prompt.files:
        return text
    files = [BinaryContent(file.content, media_type=file.media_type) for file in prompt.files]
    return [text, *files]


def history_of(prompt: Prompt) -> list[ModelMessage]:
    """Return the messages before the one to answer."""
    return [
        request_of(message.text) if message.role == "user" else reply_of(message.text)
        for message in prompt.messages[:-1]
    ]
