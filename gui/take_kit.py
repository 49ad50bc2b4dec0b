"""The drums of a take on the pads of the kit that is open, as one edit."""

from collections.abc import Sequence
from dataclasses import replace

from gui.editor import Editor
from gui.matched import Matched, Stage
from matcher.kits.kit import N_PADS, Kit, Pad
from matcher.takes.hits import Take
from matcher.takes.kit_of_take import KitOfTake, PadOfTake

KEPT = ("note", "more_notes", "pan", "choke")  # fields of a pad that a drum is put on


def places(kit: Kit, notes: Sequence[int]) -> list[int]:
    """The pad that each note plays; for notes that play none, pads that are free.

    Args:
        kit: the kit.
        notes: different ones, N_PADS at most.
    """
    found: dict[int, int] = {}
    for note in notes:
        pad = kit.pad_of(note)
        if pad is not None and pad not in found.values():
            found[note] = pad
    left = [i for i in range(N_PADS) if i not in found.values()]
    left.sort(key=lambda i: kit.pads[i].drum is not None)  # empty ones first
    for note in notes:
        if note not in found:
            found[note] = left.pop(0)
    return [found[note] for note in notes]


def put_on_pads(editor: Editor, made: KitOfTake) -> list[int]:
    """Put the drums of a take on the editor's kit as one edit; the other pads stay as they are.

    Returns:
        The pads, in the order of `made.pads`.
    """
    kit, matched = editor.kit, dict(editor.matched)
    pads = places(kit, [pad.note for pad in made.pads])
    for index, of_take in zip(pads, made.pads):
        if of_take.note not in kit.pads[index].notes:
            kit = kit.with_note(index, of_take.note)
        own = next(pad for pad in made.kit.pads if pad.note == of_take.note)
        kept = {name: getattr(kit.pads[index], name) for name in KEPT}
        kit = kit.with_pads({index: replace(own, **kept)})
        matched[index] = of_pad(made.take, of_take, kit.pads[index])
    editor.edit(f"drums of {made.kit.name}", kit, None, matched, pads)
    return pads


def of_pad(take: Take, of_take: PadOfTake, pad: Pad) -> Matched:
    """What a pad is matched to: the hit that its drum was fitted to first."""
    fitted, drum = of_take.fitted, pad.drum
    clip = take.clip(take.hits[of_take.found.hits[fitted.fitted[0]]])
    attack = "body" if drum.attack_powers is None else "attack"
    stage = Stage("partials" if drum.partials else attack, None, fitted.distances[0])
    return Matched(drum, clip, stages=(stage,))
