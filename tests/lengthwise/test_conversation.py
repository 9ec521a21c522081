"""The canonical text of messages."""

from lengthwise.conversation import ChatMessage, render_conversation

HI = ChatMessage("user", "Hi")


def test_a_single_message_is_rendered_as_the_plain_prompt():
    assert render_conversation([HI]) == "Hi"
    assert render_conversation([]) == ""


def test_of_several_messages_the_last_stands_bare_at_the_end():
    assert render_conversation([ChatMessage("system", "Be brief."), HI]) == "system: Be brief.\nHi"


def test_space_around_contents_makes_no_difference_and_space_in_them_stays():
    spaced = [ChatMessage("system", " Be\n\nbrief.\n"), ChatMessage("user", "\tHi  you ")]
    assert render_conversation(spaced) == "system: Be\n\nbrief.\nHi  you"


def test_messages_that_say_nothing_go():
    silent = [ChatMessage("system", " "), ChatMessage("user", "Hi"), ChatMessage("assistant", "")]
    assert render_conversation(silent) == "Hi"
    assert render_conversation(silent[:1]) == ""


def test_roles_of_other_apis_get_their_usual_names():
    said = [ChatMessage("Developer", "Be brief."), ChatMessage("model", "Yes?"), HI]
    assert render_conversation(said) == "system: Be brief.\nassistant: Yes?\nHi"


def test_a_default_system_prompt_goes_unless_nothing_else_was_said():
    helpful = ChatMessage("system", "You are a helpful assistant.")
    assert render_conversation([helpful, HI]) == "Hi"
    assert render_conversation([helpful]) == helpful.content


def test_only_a_system_message_can_be_a_default_system_prompt():
    assert render_conversation([ChatMessage("user", "You are a helpful assistant."), HI]) == (
        "user: You are a helpful assistant.\nHi"
    )
