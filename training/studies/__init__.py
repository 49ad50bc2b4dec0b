"""What only the study of the losses (docs/study.md) and the figures of the docs need."""
