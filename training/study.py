"""The study of docs/study.md: the quality of each loss at equal training time.

    python -m training.study --minutes 10            all models, one after the other, then tables
    python -m training.study --minutes 10 --tables   only the tables of the runs that are done
    python -m training.study --minutes 10 --metrics  only the quality of each metric of PNP
    python -m training.study --minutes 10 --figures docs    only the figures
    OMP_NUM_THREADS=1 python -m training.study --minutes 10 --pitch known
                                                     one setting; on two cores run both at once
    python -m training.study --paper --scale 0.02 --seeds 5       the authors' own recipe
    python -m training.study --paper --scale 0.02 --seeds 5 --model PNP --pitch known
                                                     one row of its tables, by a process of its own

For each pitch setting one encoder is trained by P-loss, and every other one continues from it for
as many minutes. With --paper, all begin anew and take as many sounds instead. Everything is kept in
the cache folder: a killed study continues where it was.
"""

import math
import sys
from pathlib import Path

from training import command
from training.config import CHOICES
from training.dataset import cache_folder
from training.markdown import table
from training.studies import paper_tables
from training.studies.experiment import Study
from training.studies.metric_quality import reach_rows
from training.studies.paper import MODELS, PaperStudy
from training.studies.results import result_rows, save_figures
from training.studies.settings import PITCH


@command.entry_point("training.study")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.study", __doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run; default 10")
    parser.add_argument("--pitch", choices=PITCH, help="train this setting alone; default both")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--metrics", action="store_true", help="only the quality of each metric")
    parser.add_argument("--figures", type=Path, help="folder for study-*.png; train nothing")
    parser.add_argument("--paper", action="store_true", help="the authors' recipe, on its scale")
    parser.add_argument("--scale", type=float, default=1.0, help="of their sounds; default 1")
    parser.add_argument(
        "--seeds", type=int, default=1, help="runs of each of its models; default 1"
    )
    parser.add_argument(
        "--first-seed", type=int, default=0, help="to be trained, of the seeds; default 0"
    )
    parser.add_argument("--model", choices=MODELS, help="train this model of it alone; default all")
    parser.add_argument("--execution", choices=CHOICES["execution"], default="eager",
                        help="of its encoder; default eager")  # fmt: skip
    parser.add_argument("--hours", type=float, default=math.inf,
                        help="of training; a longer run is measured as it is by then")  # fmt: skip
    parser.add_argument("--results", type=Path,
                        help="write what the runs gave that are done; train nothing")  # fmt: skip
    command.add_workers(parser, "compare sounds")
    arguments = parser.parse_args(argv)
    if arguments.paper:
        _paper(arguments)
        return
    if not arguments.minutes > 0:
        raise ValueError(f"minutes is {arguments.minutes}, allowed is above 0")
    folder = cache_folder() / "study" / f"{arguments.minutes:g}"
    study = Study(arguments.minutes, folder, arguments.workers)
    if arguments.metrics:
        print(table(study.agreement()), end="\n\n")
        print(table(reach_rows(study.reach())))
        return
    if arguments.figures:
        save_figures(study, arguments.figures)
        return
    if not arguments.tables:
        study.all((arguments.pitch,) if arguments.pitch else PITCH)
    for pitch in PITCH:
        if rows := result_rows(study, pitch):
            print(f"Pitch {pitch}\n\n{table(rows)}\n")


def _paper(arguments) -> None:
    command.check_at_least(arguments, seeds=1, first_seed=0, workers=1)
    folder = cache_folder() / "study" / f"paper-{arguments.scale:g}"
    if not arguments.hours > 0:
        raise ValueError(f"hours is {arguments.hours}, allowed is above 0")
    workers, seeds = arguments.workers, arguments.seeds
    study = PaperStudy(arguments.scale, folder, workers, arguments.execution, arguments.hours)
    if arguments.results:
        print(f"{arguments.results}: {study.save_results(arguments.results)} runs of this scale")
        return
    if not arguments.tables:
        pitches = (arguments.pitch,) if arguments.pitch else PITCH
        study.all(range(arguments.first_seed, seeds), pitches, arguments.model)
    for pitch in PITCH:
        if rows := paper_tables.result_rows(study, pitch, seeds):
            print(f"Pitch {pitch}\n\n{table(rows)}\n")
        for model in paper_tables.SUPPRESSING:
            if rows := paper_tables.suppression_rows(study, pitch, seeds, model):
                print(f"{model}, pitch {pitch}: errors by M_jj\n\n{table(rows)}\n")
    if rows := paper_tables.time_rows(study, seeds):
        print(table(rows), end="\n\n")
    if study.table_file.exists():
        print(table(paper_tables.eigenvalue_rows(study)))


if __name__ == "__main__":
    sys.exit(main())
