"""The encoder of images beside a decoder, and what one image costs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import ceil

from llmcalc_core.checks import one_of, whole_number
from llmcalc_core.shown import shown

_OPTIONAL = ("attention_size", "window_patches", "image_size", "most_tokens", "query_tokens")
_BESIDE = "beside"
_LARGEST = 2**31 - 1
_MOST_PARAMETERS = 10**12  # beside the encoder of ERNIE 4.5 VL are 1.3e11 of experts of images
_FROM_NONE = ("windowed_layers", "queries_in_layers")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionTower:
    """A vision transformer (arXiv:2010.11929) and the projector into the decoder's width.

    Parameters
    ----------
    layers, hidden_size, intermediate_size : int
        Its layers, the width of a patch in them, and of their feed-forward part [elements].
    patch_size, merge_size : int
        Side of a patch [pixels]; patches along each side of the square that becomes one token.
    layer_parameters, outside_parameters, projector_parameters : int
        Parameters of one layer; of patches, positions and outer norms, and of an encoder of sound
        or videos beside it; of the projector.
    num_ffi : int, default 1
        Up projections of the feed-forward part: 2 if gated.
    attention_size : int, optional
        Width of all its heads together, where it is not ``hidden_size`` [elements].
    windowed_layers, window_patches : int, optional
        Layers whose patches attend to a window alone, and its patches.
    image_size : int, optional
        Side that every image (or tile of one) is brought to [pixels]; as it is where not given.
    most_tokens : int, optional
        Tokens that an image is scaled down to.
    query_tokens : int, optional
        Tokens that a resampler makes of the patches of an image, however many these are.
    queries_in_layers : int, default 0
        Learned queries that go through the layers with the patches.
    beside : VisionTower, optional
        A second encoder, which reads the same image before or beside this one.

    Raises
    ------
    ValueError
        For a value out of range.
    """

    layers: int
    hidden_size: int
    intermediate_size: int
    patch_size: int
    merge_size: int = 1
    layer_parameters: int
    outside_parameters: int
    projector_parameters: int
    num_ffi: int = 1
    attention_size: int | None = None
    windowed_layers: int = 0
    window_patches: int | None = None
    image_size: int | None = None
    most_tokens: int | None = None
    query_tokens: int | None = None
    queries_in_layers: int = 0
    beside: VisionTower | None = None

    def __post_init__(self) -> None:
        """Check every number."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == _BESIDE:
                object.__setattr__(self, _BESIDE, vision_tower(value))
            elif value is not None or field.name not in _OPTIONAL:
                least = int(field.name not in _FROM_NONE)
                most = _MOST_PARAMETERS if field.name.endswith("_parameters") else _LARGEST
                whole_number(f"vision, {field.name}", value, least=least, most=most)

    @property
    def parameters(self) -> int:
        """All parameters, the projector's and those of an encoder beside it among them."""
        encoder = self.layers * self.layer_parameters + self.outside_parameters
        further = self.beside.parameters if self.beside else 0
        return encoder + self.projector_parameters + further

    def tokens(self, width: int, height: int) -> int:
        """Count the tokens that an image of this size [pixels] becomes for the decoder.

        Examples
        --------
        SigLIP of Gemma 3 reads 896 x 896 pixels in patches of 14, 4 x 4 of which make a token.

        >>> VisionTower(
        ...     layers=27, hidden_size=1152, intermediate_size=4304, patch_size=14, merge_size=4,
        ...     layer_parameters=1, outside_parameters=1, projector_parameters=1, image_size=896,
        ... ).tokens(640, 480)
        256

        A Q-Former's queries are its tokens, whatever the image is.

        >>> VisionTower(
        ...     layers=39, hidden_size=1408, intermediate_size=6144, patch_size=14, image_size=224,
        ...     layer_parameters=1, outside_parameters=1, projector_parameters=1, query_tokens=32,
        ... ).tokens(640, 480)
        32
        """
        return self.query_tokens or self._joined(width, height)

    def patches(self, width: int, height: int) -> int:
        """Count the patches of an image of this size [pixels], and queries beside them."""
        return self._joined(width, height) * self.merge_size**2 + self.queries_in_layers

    def _joined(self, width: int, height: int) -> int:
        """Count the squares of patches that are joined."""
        sides = (self.image_size or width, self.image_size or height)
        cell = self.patch_size * self.merge_size
        across, down = (ceil(whole_number("image side", side) / cell) for side in sides)
        return min(across * down, self.most_tokens or across * down)

    def attended(self, patches: int) -> float:
        """Count the patches that one attends to, in the mean over the layers."""
        window = min(patches, self.window_patches or patches)
        windowed = self.windowed_layers / self.layers
        return (1 - windowed) * patches + windowed * window


def vision_tower(value: object) -> VisionTower | None:
    """Check the encoder of a configuration: a ``VisionTower``, its fields, or None.

    Raises
    ------
    ValueError
        For anything else, or a field that is not known or missing.

    Examples
    --------
    >>> vision_tower(None) is None
    True
    """
    if value is None or isinstance(value, VisionTower):
        return value
    if isinstance(value, Mapping):
        known = {field.name for field in fields(VisionTower)}
        given = {one_of("vision", name, sorted(known)): value[name] for name in value}
        defaulted = {"merge_size", "num_ffi", _BESIDE, *_FROM_NONE, *_OPTIONAL}
        missing = sorted(known - defaulted - set(given))
        if missing:
            msg = f"vision needs {', '.join(missing)} as well"
            raise ValueError(msg)
        return VisionTower(**given)
    msg = f"vision must be a VisionTower, its fields or None, got {shown(value)}"
    raise ValueError(msg)
