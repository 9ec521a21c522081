"""The training of an encoder as command-line options."""

from index_builder.dataclass_options import with_dataclass
from index_builder.training.options import TrainOptions

TRAINING_HELP = {
    "epochs": "Passes over the history.",
    "first_epochs": "Passes over --learn-first before that.",
    "batch_size": "Rows in a step.",
    "encoder_lr": "Peak learning rate of the encoder.",
    "head_lr": "Peak learning rate of the head.",
    "max_tokens_learnt": "What of a prompt is learnt from: so many tokens, head and tail.",
    "bins": "Bins of the length.",
    "masking": "Share of tokens hidden in each step.",
    "averaging": "Weight of the past in the moving average of the weights, which is what is kept.",
    "train_words": "Also train the word embeddings.",
    "validation_share": "Of rows, kept apart to stop early, to weigh neighbours and to calibrate.",
    "patience": "Passes without a better order after which training ends.",
    "max_rows": "Rows learnt from at most: a random sample of larger histories.",
}

with_train_options = with_dataclass("training", TrainOptions, TRAINING_HELP, "Training the encoder")
"""Gives a command every training option but the seed; it receives them as `training`."""
