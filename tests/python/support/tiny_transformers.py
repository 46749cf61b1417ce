"""A small BERT and GPT-2 of a configuration, real sentences in tokens, and their rows by hand."""

import numpy as np
import torch

WHO = ["the dog", "a river", "my child", "one poem", "this storm", "the old king"]
DOES = ["crosses", "finds", "leaves", "sees", "builds", "loses"]
WHAT = ["bread", "the bridge", "the long cold night", "seven stones at last", "a letter", "it"]
SENTENCES = [f"{who} {does} {what}" for who in WHO for does in DOES for what in WHAT]
WORDS = sorted({word for text in SENTENCES for word in text.split()})
PAD = 0
NUMBERS = {word: 1 + i for i, word in enumerate(WORDS)}


def items(count):
    """The first sentences, spread over all, as a dataset; a label tells who it is of."""
    chosen = [SENTENCES[i * 7 % len(SENTENCES)] for i in range(count)]
    return [
        {
            "input_ids": [NUMBERS[word] for word in text.split()],
            "labels": next(i for i, who in enumerate(WHO) if text.startswith(who)),
        }
        for text in chosen
    ]


def padded(batch, side="right"):
    """Fill up a batch on one side; a collator."""
    longest = max(len(one["input_ids"]) for one in batch)
    ids = torch.full((len(batch), longest), PAD)
    mask = torch.zeros_like(ids)
    for row, one in enumerate(batch):
        n = len(one["input_ids"])
        where = slice(None, n) if side == "right" else slice(longest - n, None)
        ids[row, where] = torch.tensor(one["input_ids"])
        mask[row, where] = 1
    labels = torch.tensor([one["labels"] for one in batch])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def left_padded(batch):
    return padded(batch, "left")


def with_full_rank(model):
    """Let no column be the sum of others, as it is behind a layer norm that is not trained."""
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.normal_(module.bias)
    return model


def bert(dtype=torch.float64, **options):
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS) + 1,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        num_labels=len(WHO),
        initializer_range=0.5,
        **options,
    )
    return with_full_rank(BertForSequenceClassification(config)).to(dtype)


def gpt(dtype=torch.float64, **options):
    from transformers import GPT2Config, GPT2ForSequenceClassification

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(WORDS) + 1,
        n_embd=8,
        n_layer=2,
        n_head=2,
        n_positions=16,
        num_labels=len(WHO),
        pad_token_id=PAD,
        initializer_range=0.5,
        **options,
    )
    return with_full_rank(GPT2ForSequenceClassification(config)).to(dtype)


def rows_by_hand(model, data, pool, layer=-1, collate=padded):
    """Rows (n, K) of one layer, as the model itself returns its hidden states, 4 inputs a batch."""
    found = []
    model.eval()
    for start in range(0, len(data), 4):
        batch = collate(data[start : start + 4])
        with torch.no_grad():
            out = model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                output_hidden_states=True,
            )
        states = out.hidden_states[layer].numpy()
        for one, counts in zip(states, batch["attention_mask"].numpy() == 1, strict=True):
            tokens = one[counts]
            mean = tokens.mean(axis=0)
            pick = {"token_mean": mean, "first_token": tokens[0], "last_token": tokens[-1]}
            found += list(tokens) if pool == "tokens" else [pick[pool]]
    return np.array(found)
