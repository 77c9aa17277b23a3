"""Work of an encoder of images."""

from __future__ import annotations

from llmcalc_core.formulas import Values


def encoder_flops(
    *,
    patches: Values,
    attended: Values,
    layers: Values,
    hidden: Values,
    attention: Values,
    intermediate: Values,
    ups: Values,
) -> Values:
    """Operations of a vision transformer on one image [FLOP].

    A patch attends to every other, or to those of its window: a layer has four projections, the
    products of queries with keys and of weights with values, and a feed-forward part.

    Parameters
    ----------
    patches, attended : float or array
        Patches of the image, N, and those that one attends to in the mean over the layers, M [1].
    layers, hidden, attention, intermediate : float or array
        Layers L [1], width d, that of all heads a, and feed-forward width f [elements].
    ups : float or array
        Up projections u of the feed-forward part [1].

    Returns
    -------
    float or array
        L (2 N (4 d a + (u + 1) d f) + 4 N M a) [FLOP].

    References
    ----------
    Dosovitskiy et al., An Image is Worth 16x16 Words, arXiv:2010.11929, 2021, section 3.1; two
    operations for each weight and patch.

    Examples
    --------
    >>> encoder_flops(
    ...     patches=10, attended=10, layers=1, hidden=4, attention=4, intermediate=8, ups=1
    ... )
    4160
    """
    matrices = 4 * hidden * attention + (ups + 1) * hidden * intermediate
    return layers * (2 * patches * matrices + 4 * patches * attended * attention)
