"""How well kits are made of takes, measured on composed takes whose truth is known.

    python -m training.take_kits FOLDER DRUMS [--seeds 4] [--seconds 60]

FOLDER: recordings with a hits.csv of kits. The grouping was learned on the part "development" of it
(training/hits.py), so that the rows of that kit say how well it was learned; its snares of the part
"apart" and all recordings of DRUMS were used for nothing else than these rows.
"""

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from matcher.matching.hear import analysed
from matcher.recording import write_wav
from matcher.takes import drums, fits, kit_of_take
from matcher.takes.drums import FoundDrum, MeasuredHit
from matcher.takes.hits import Take
from matcher.takes.kit_of_take import KitOfTake, Options
from matcher.takes.strength import Heard
from training import command, take_scenes
from training.bootstrap import mean_interval
from training.markdown import table, with_interval
from training.performances import NEAR_S, RATE
from training.take_grouping import index_of_rand
from training.take_scenes import Event, Scene, Sound

SCENES = {
    "close, hats -26 dB": Scene(noise_db=-70, hat_db=-26.0),
    "room 0.4 s, noise -55 dB, hats -20 dB": Scene(noise_db=-55, room_s=0.4, hat_db=-20.0),
    "room 0.8 s, hum -45 dB": Scene(noise_db=-45, room_s=0.8, hat_db=None, hum=True),
}
MICS = ("close", "front", "window")
HEADS, STICKS = 4, 2  # drums of a kit of snares
HELD_S = 0.3  # s before the next hit, at least: of hits that are held back
HELD = 8  # hits of a drum that are held back, at most
LEAST_RANKED = 5  # hits of a drum whose velocities have a rank correlation
PART_OF_MARCHING = ("marching_bass", "marching_tenor_mdl_tenor-drum", "snare_mdl_marching-snare")


@dataclass(frozen=True)
class Case:
    """A take to make a kit of."""

    source: str  # row of the table
    scene: str  # one of SCENES
    kit: dict[str, list[Sound]]
    hats: list[Sound]
    seed: int


def cases(folder: Path, drums_folder: Path, seeds: int) -> list[Case]:
    """All takes, in the order of the table."""
    development = take_scenes.load(folder, ("learned", "choice"))
    apart = take_scenes.load(folder, ("apart",))
    last = take_scenes.load(drums_folder, ("all",))
    hats = {name: [s for n, p in pool.items() for s in p if s.instrument == "hihat" and n == which]
            for name, pool, which in (("dev", development, "gogodze_hl/hl/close"),
                                      ("apart", apart, "gogodze_ht/ht/close"))}  # fmt: skip
    hats["last"] = [s for p in last.values() for s in p if s.instrument == "neg_hihat"][:1]
    found = []
    for scene in SCENES:
        for seed in range(seeds):
            rng = np.random.default_rng((seed, 20))
            found += [
                Case("kit for development", scene, gogodze(development, MICS[seed % len(MICS)]),
                     hats["dev"], seed),
                Case("snares apart", scene, snares(apart, rng), hats["apart"], seed),
                Case("kit of DRUMS", scene, sonic_pi(last), hats["last"], seed),
                Case("marching drums of DRUMS", scene, marching(last, rng), hats["last"], seed),
            ]  # fmt: skip
    return sorted(found, key=lambda case: case.source)


def gogodze(pool, mic: str) -> dict[str, list[Sound]]:
    """Kick, snare, side stick and three toms."""
    names = (f"gogodze_{stroke}/{stroke}/{mic}" for stroke in ("ks", "sc", "ss", "th", "tm", "tl"))
    return {name: pool[name] for name in names}


def snares(pool, rng) -> dict[str, list[Sound]]:
    """HEADS snares and STICKS side sticks, each on a shell of its own, all close."""
    kit, shells = {}, set()
    for stick, count in ((False, HEADS), (True, STICKS)):
        for name in rng.permutation(sorted(pool)):
            drum, stroke, *mic = name.split("/")
            size = drum.split("_")[1] if drum.startswith("franken") else ""
            fits_ = size and mic == ["close"] and (stroke == "ss") == stick and size not in shells
            if fits_ and count:
                kit[name] = pool[name]
                shells.add(size)
                count -= 1
    return kit


def sonic_pi(pool) -> dict[str, list[Sound]]:
    """Kick, snare and three toms, each in two layers."""
    names = ("kick_sonicpi_kit-bass-drum", "snare_sonicpi_kit-snare", "tom_sonicpi_high-tom",
             "tom_sonicpi_mid-tom", "tom_sonicpi_low-tom")  # fmt: skip
    return {name: pool[name] for name in names}


def marching(pool, rng) -> dict[str, list[Sound]]:
    """Six of the bass drums, tenors and snares of a drum line."""
    names = [name for name in sorted(pool)
             if name.startswith(PART_OF_MARCHING) and "muted" not in name]  # fmt: skip
    return {names[i]: pool[names[i]] for i in rng.permutation(len(names))[:6]}


def measure(case: Case, seconds: float, processes: int, fitted: bool = True) -> dict:
    """Compose a take, make a kit of it and compare it with the truth.

    Args:
        case: the take.
        seconds: its length.
        processes: for the fits.
        fitted: whether drums are fitted, or only grouped.
    """
    scene = replace(SCENES[case.scene], seconds=seconds)
    x, events = take_scenes.compose(case.kit, case.hats, scene, case.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.wav"
        write_wav(path, x, RATE)
        began = time.perf_counter()
        take, measured, found = kit_of_take.analyse(path)
    row = compare(take, measured, found, events)
    if fitted:
        made = kit_of_take.make(take, measured, found, "take", Options(processes=processes))
        kit_of_take.render_twin(made)
        row["whole, s"] = time.perf_counter() - began
        row["fitted"] = float(np.mean([d for pad in made.pads for d in pad.fitted.distances]))
        row["held back"] = held_back(made, set(range(len(measured))))
        row["held back, clear"] = held_back(made, clear_hits(made, measured, events))
    return row


def compare(take: Take, measured: list[MeasuredHit], found: list[FoundDrum], events) -> dict:
    """What hits and groups have of the truth."""
    truth = truth_of([hit.onset for hit in take.hits], events)
    groups = np.full(len(truth), -1)  # what is no drum is one group
    velocity = np.zeros(len(truth))
    wanted = [drum for drum in found if drum.is_drum]
    for number, drum in enumerate(wanted):
        groups[list(drum.hits)] = number
        velocity[list(drum.hits)] = drums.velocities(measured, drum)
    true = [event for event in events if event.is_drum]
    known = np.flatnonzero([k is not None and events[k].is_drum for k in truth])
    names = np.array([events[truth[i]].drum for i in known])
    peaks = np.array([events[truth[i]].peak for i in known])
    ranks = [
        spearmanr(peaks[own], velocity[known][own]).statistic
        for number in range(len(wanted))
        for name in np.unique(names)
        if (own := (groups[known] == number) & (names == name)).sum() >= LEAST_RANKED
    ]
    others = [i for i, k in enumerate(truth) if k is not None and not events[k].is_drum]
    return {
        "drums": len({event.drum for event in true}),
        "found": len(wanted),
        "hits found": len(known) / len(true),
        "false": sum(k is None for k in truth) / len(true),
        "Rand index": index_of_rand(names, groups[known]),
        "drums' hits left out": float(np.mean(groups[known] < 0)),
        "others left out": float(np.mean(groups[others] < 0)) if others else np.nan,
        "velocity": float(np.mean(ranks)) if ranks else np.nan,
    }


def truth_of(onsets: list[int], events: list[Event]) -> list[int | None]:
    """The event that each hit is, the nearest of those that no nearer hit is; None for none."""
    at = np.array([e.at for e in events])
    apart = np.abs(np.array(onsets)[:, None] - at)
    near = np.argwhere(apart <= NEAR_S * RATE)
    # of a drum and a hat at once it is the drum: the louder one
    loud = np.array([events[k].peak for _, k in near])
    truth, taken = [None] * len(onsets), set()
    for i, k in near[np.argsort(-loud, kind="stable")] if len(near) else []:
        if truth[i] is None and k not in taken:
            truth[i] = int(k)
            taken.add(k)
    return truth


def clear_hits(made: KitOfTake, measured: list[MeasuredHit], events) -> set[int]:
    """Hits in which nothing else sounds, of the drum that most hits of their pad are of."""
    truth, clear = truth_of([hit.onset for hit in made.take.hits], events), set()
    for pad in made.pads:
        drum_of = {i: events[truth[i]].drum for i in pad.found.hits if truth[i] is not None}
        most = Counter(drum_of.values()).most_common(1)
        clear |= {i for i, drum in drum_of.items() if drum == most[0][0] and measured[i].is_clear}
    return clear


def held_back(made: KitOfTake, among: set[int]) -> float:
    """Mean log-CQT distance of hits that no fit saw, each at the force that suits it best.

    among: the take's hits that count, by their numbers.
    """
    distances = []
    for pad in made.pads:
        seen = {pad.found.hits[i] for i in pad.fitted.fitted}
        left = [i for i in pad.found.hits if i not in seen and i in among]
        clips = [made.take.clip(made.take.hits[i]) for i in left]
        clips = [clip for clip in clips if clip.observed_s >= HELD_S]
        chosen = np.random.default_rng(0).permutation(len(clips))[:HELD]
        if len(chosen):
            heard = Heard([analysed(clips[i]) for i in chosen], [clips[i].ended for i in chosen])
            distances += heard.distances(pad.fitted.drum)
    return float(np.mean(distances)) if distances else np.nan


def summary(rows: list[tuple[Case, dict]]) -> list[dict]:
    """A row for each source and scene: means over seeds with intervals."""
    shown = []
    for source, scene in dict.fromkeys((case.source, case.scene) for case, _ in rows):
        own = [row for case, row in rows if (case.source, case.scene) == (source, scene)]
        line = {"take of": source, "scene": scene}
        line["drums found"] = ", ".join(f"{row['found']} of {row['drums']}" for row in own)
        shown.append(line | means(own))
    return shown


def means(rows: list[dict]) -> dict[str, str]:
    """Means of what `compare` gives of several takes, with intervals."""
    names = [name for name in rows[0] if name not in ("drums", "found")]
    return {name: _cell([row[name] for row in rows]) for name in names}


def _cell(values: list[float]) -> str:
    values = np.array([v for v in values if np.isfinite(v)])
    if not len(values):
        return ""
    return with_interval(values.mean(), mean_interval(values, np.arange(len(values))), ".2f")


def main(argv=None) -> None:
    """Compose takes, make kits of them and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("drums", type=Path)
    parser.add_argument("--seeds", type=int, default=4, help="takes of each row; default 4")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a take; default 60")
    parser.add_argument("--processes", type=int, default=fits.processors())
    parser.add_argument("--no-fits", action="store_true", help="only group the hits: faster")
    parser.add_argument("--only", help="a part of the name of the rows wanted")
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, seeds=1, processes=1)
    rows = []
    for case in cases(arguments.folder, arguments.drums, arguments.seeds):
        if arguments.only and arguments.only not in f"{case.source}, {case.scene}":
            continue
        row = measure(case, arguments.seconds, arguments.processes, not arguments.no_fits)
        print(f"{case.source}, {case.scene}, seed {case.seed}: "
              + ", ".join(f"{k} {v:.3g}" for k, v in row.items()), flush=True)  # fmt: skip
        rows.append((case, row))
    print(table(summary(rows)))


if __name__ == "__main__":
    main()
