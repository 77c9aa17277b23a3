"""Traits of a widget that are those of the state it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from traitlets import Bunch, HasTraits, MetaHasTraits, TraitType


class Forwarded(TraitType[Any, Any]):
    """A trait of a widget that is one of its state.

    Parameters
    ----------
    trait : TraitType
        That of the state.
    holder : str
        The attribute of the widget that holds the state.
    """

    def __init__(self, trait: TraitType[Any, Any], holder: str) -> None:
        super().__init__(trait.default_value, read_only=trait.read_only, help=trait.help)
        self.holder = holder

    def get(self, obj: HasTraits, cls: type | None = None) -> Any:  # noqa: ANN401, ARG002 - traitlets'
        """Read the trait of the state."""
        return getattr(getattr(obj, self.holder), str(self.name))

    def set(self, obj: HasTraits, value: object) -> None:
        """Set the trait of the state, which checks it and tells all who observe it."""
        setattr(getattr(obj, self.holder), str(self.name), value)


class Forwarding(HasTraits):
    """A widget with traits of the states that it holds.

    Both ways: what is set on the widget is set in the state, and what observes the widget hears of
    changes of the state. The states are there before ``__init__`` of this class is called, and
    :meth:`forward` is called when all that observes them itself does so.
    """

    def forward(self) -> None:
        """Tell of changes of the states from now on."""
        for holder, names in self._forwarded().items():
            getattr(self, holder).observe(self._tell, names)

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Check and tell changes together at the end, also those of the states."""
        with super().hold_trait_notifications(), ExitStack() as held:
            for holder in self._forwarded():
                held.enter_context(getattr(self, holder).hold_trait_notifications())
            yield

    def _forwarded(self) -> dict[str, list[str]]:
        """Name the forwarded traits by what holds them."""
        found: dict[str, list[str]] = {}
        for name, trait in self.traits().items():
            if isinstance(trait, Forwarded):
                found.setdefault(trait.holder, []).append(name)
        return found

    def _tell(self, change: Bunch) -> None:
        self.notify_change(Bunch(change, owner=self))


def traits_of(state: type[HasTraits], names: Collection[str], holder: str = "state") -> Any:  # noqa: ANN401
    """Make a class that has traits of a state.

    Parameters
    ----------
    state : type
        The class of the state.
    names : collection of str
        Its traits that the class has.
    holder : str
        The attribute that holds the state.
    """
    own = state.class_traits()
    traits = {name: Forwarded(own[name], holder) for name in names}
    return MetaHasTraits(f"{state.__name__}Traits", (HasTraits,), traits)
