"""Add or edit a provider. A preset fills in what is the same for everybody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from textual.app import ComposeResult

from store.checks import looks_like_key
from store.domain import Provider
from store.presets import PRESETS, Preset
from store.validation import changes_host
from tui.modals.confirm import ConfirmScreen
from tui.modals.form import FormScreen, Reading
from tui.text import safe
from tui.widgets.fields import ChoiceField, Field, TextField

NEW = Provider("", "", "", "")


class ProviderForm(FormScreen[Provider]):
    """A provider's fields. Only the NAME of its key's variable is asked for, never the key."""

    def make_fields(self) -> ComposeResult:
        texts = self.texts(self.before)
        if self.is_new:
            presets = [(preset.display_name, preset.name) for preset in PRESETS]
            yield ChoiceField("preset", presets, None, label="Preset")
        yield TextField("name", texts["name"], placeholder="openai-eu")
        yield TextField("display_name", texts["display_name"], placeholder="as the name")
        yield TextField("litellm_provider", texts["litellm_provider"], placeholder="openai")
        yield TextField(
            "api_base_url",
            texts["api_base_url"],
            placeholder="https://…; empty: the provider's own",
        )
        yield TextField(
            "api_key_env",
            texts["api_key_env"],
            placeholder="the variable's NAME, never the key",
            echo=self._key_state,
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.field("api_key_env").show_more(safe("The proxy's own environment decides."))

    def texts(self, thing: Provider) -> dict[str, str]:
        return {
            "name": thing.name,
            "display_name": thing.display_name,
            "litellm_provider": thing.litellm_provider,
            "api_base_url": thing.api_base_url or "",
            "api_key_env": thing.api_key_env or "",
        }

    def build(self, reading: Reading) -> Provider:
        return replace(
            self.before,
            name=reading.text("name"),
            display_name=reading.text("display_name") or reading.text("name"),
            litellm_provider=reading.text("litellm_provider"),
            api_base_url=reading.text("api_base_url") or None,
            api_key_env=reading.text("api_key_env") or None,
        )

    def sentence(self, thing: Provider) -> str:
        return f"{thing.display_name} is {'added' if self.is_new else 'saved'}"

    def was_edited(self, field: Field) -> None:
        if field.field_name == "preset":
            preset = next((p for p in PRESETS if p.name == field.text), None)
            if preset is not None:
                self._fill_in(preset)
        elif isinstance(field, TextField):
            # A key that was pasted by mistake is not left to be read over the shoulder.
            field.input.password = looks_like_key(field.text)

    def _key_state(self, text: str) -> str:
        if not text.strip() or looks_like_key(text):
            return ""
        provider = replace(NEW, litellm_provider="-", api_key_env=text.strip())
        return "set here" if self._store.key_is_set(provider) else "not set here"

    def _fill_in(self, preset: Preset) -> None:
        taken = {provider.name for provider in self.world.providers}
        texts = self.texts(replace(preset.provider(), name=free_name(preset.name, taken)))
        for name, text in texts.items():
            field = self.field(name)
            if not field.touched:
                field.put(text)
        self.field("preset").show_more(safe(preset.note) if preset.note else None)

    async def may_save(self, thing: Provider) -> bool:
        hosts = None if self.is_new else changes_host(self.before, thing)
        if hosts is None:
            return True
        question = ConfirmScreen(
            "Send the key to another host?",
            f"The key in {thing.api_key_env} goes to  {hosts[0]}\nFrom now on to  {hosts[1]}",
            yes="Send it there",
        )
        answer = await self.app.push_screen_wait(question)
        return answer is True


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken: `openai-2`."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
