"""`input_messages`: how a row of a dataset becomes the messages that a model is asked with (evals-api §2.3)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from grader_service import template
from grader_service.graders.messages import Content, Message, chat_content
from grader_service.sampling.turns import turns


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


def _check_namespace(text: str) -> str:
    """There is no sample yet; what a model said elsewhere is part of the item."""
    for variable in template.parse(text).variables:
        if variable.namespace != "item":
            raise ValueError(
                f"'{{{{ {variable.text} }}}}': there is no sample before the model is asked; only item can be named here"
            )
    return text


def _of_item(content: Any) -> Any:
    chat_content(content, _check_namespace)
    return content


class ItemMessage(Message):
    """A message of a template: as those of graders, and its variables name the item alone."""

    content: Annotated[Content, AfterValidator(_of_item)]


class MessageTemplate(_Part):
    """Messages of which every string leaf is a template."""

    type: Literal["template"]
    template: Annotated[list[ItemMessage], Field(min_length=1)]

    def chat(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Raises VariableMissing, TextTooLarge: see `template.Template.render`."""
        return [
            message.chat(lambda text: template.parse(text).render(item, {}))
            for message in self.template
        ]


def _check_reference(path: str) -> str:
    try:
        found = template.parse(f"{{{{{path}}}}}")
    except template.TemplateError:
        found = template.Template("")
    named = found.variables
    if len(named) != 1 or named[0].text != path or named[0].namespace != "item":
        raise ValueError("write where the item has its list of messages, as item.messages")
    if not named[0].path:
        raise ValueError("name the key of the item that has the messages, as item.messages")
    return path


class ItemReference(_Part):
    """A place in the item with a whole conversation, tool turns too."""

    type: Literal["item_reference"]
    item_reference: Annotated[str, AfterValidator(_check_reference)]

    def chat(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Raises VariableMissing, InputMessagesInvalid: this row has no such conversation."""
        found = template.parse(f"{{{{{self.item_reference}}}}}").value(item, {})
        return turns(found, self.item_reference)


InputMessages = Annotated[MessageTemplate | ItemReference, Field(discriminator="type")]
