"""Traits of the widgets that users name: those of the state they hold, and those with a frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import pandas as pd
from traitlets import All, Bunch, HasTraits, MetaHasTraits, TraitError, TraitType

from llmcalc_widgets.settings.renamed import RENAMED, warn_of
from llmcalc_widgets.state import Shared

Made = pd.DataFrame | pd.Series | None

_KEEPING = Lock()

_COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3  # noqa: PLR2004 - the first to do so


class Frame(TraitType[Any, Any]):
    """Holds a frame, a row of one, or None, compared by identity.

    A plain ``Instance`` trait compares the old and the new frame element by element on every set.
    It may be set to a function that makes the frame, which is called when the trait is read or
    where somebody observes it. What is handed out is a copy: a change of it reaches no widget. Of
    one frame it is the same one.
    """

    default_value = None
    info_text = "a DataFrame, a Series or None"

    def validate(self, obj: HasTraits, value: object) -> Made | Callable[[], Made]:
        """Check the type.

        Raises
        ------
        TraitError
            For anything else.
        """
        if value is None or isinstance(value, (pd.DataFrame, pd.Series)) or callable(value):
            return value
        msg = f"{self.name} of {type(obj).__name__} must be {self.info_text}, got {value!r}"
        raise TraitError(msg)

    def get(self, obj: HasTraits, cls: type | None = None) -> Made:
        """Read the value, and make it if nobody has read it before."""
        value = super().get(obj, cls)
        if not callable(value):
            return value
        made = self._handed_out(obj, value())
        kept, name = obj._trait_values, str(self.name)  # noqa: SLF001 - as TraitType.set does
        with _KEEPING:
            if kept[name] is value:  # else another thread has set something newer
                kept[name] = made
        return made

    def set(self, obj: HasTraits, value: object) -> None:
        """Set the value, and notify those who observe it unless it is the same object."""
        new = self._validate(obj, value)
        if not callable(new):
            new = self._handed_out(obj, new)
        name = str(self.name)
        watching = obj._trait_notifiers  # noqa: SLF001 - as TraitType.set does
        if not (watching.get(name) or watching.get(All)):
            with _KEEPING:
                obj._trait_values[name] = new  # noqa: SLF001
            return
        old = self.get(obj)
        obj._trait_values[name] = new  # noqa: SLF001
        made = self.get(obj)
        if old is not made:
            obj._notify_trait(name, old, made)  # noqa: SLF001

    def _handed_out(self, obj: HasTraits, source: Made) -> Made:
        """Copy a frame; the same copy as before of the same one."""
        if source is None:
            return None
        kept: dict[str, tuple[Any, Any]] = obj.__dict__.setdefault("_handed_out", {})
        name = str(self.name)
        if name not in kept or kept[name][0] is not source:
            kept[name] = source, source.copy(deep=not _COPIES_ON_WRITE)
        handed: Made = kept[name][1]
        return handed


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


class Renamed(TraitType[Any, Any]):
    """A trait by the name that it had before: reading, setting and observing it warns.

    Parameters
    ----------
    new : str
        Its name of today.
    """

    def __init__(self, new: str) -> None:
        super().__init__(help=f"The old name of {new}")
        self._new = new

    def get(self, obj: HasTraits, cls: type | None = None) -> Any:  # noqa: ANN401, ARG002 - traitlets'
        """Read the trait of today."""
        warn_of(str(self.name))
        return getattr(obj, self._new)

    def set(self, obj: HasTraits, value: object) -> None:
        """Set the trait of today."""
        warn_of(str(self.name))
        setattr(obj, self._new, value)


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
        with ExitStack() as held:
            holders: list[Shared] = [getattr(self, name) for name in self._forwarded()]
            for holder in holders:
                held.enter_context(holder.lock)
            held.enter_context(super().hold_trait_notifications())
            for holder in holders:
                held.enter_context(holder.hold_trait_notifications())
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
        for old, new in RENAMED.items():
            if new == change["name"] and self._trait_notifiers.get(old):
                self.notify_change(Bunch(change, owner=self, name=old))


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
    traits: dict[str, Any] = {name: Forwarded(own[name], holder) for name in names}
    traits |= {old: Renamed(new) for old, new in RENAMED.items() if new in traits}
    return MetaHasTraits(f"{state.__name__}Traits", (HasTraits,), traits)
