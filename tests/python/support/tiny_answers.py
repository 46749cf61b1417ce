"""Small causal models of several kinds with random weights, and a tokenizer made here."""

import torch

WORDS = "what is the capital of in a rome paris tokyo lima oslo yes no . ? ! \n Rome Paris q: a:"
NAMES = ["<pad>", "<end>", "<also-end>", "<start>"]
QUESTIONS = ["what is the capital of lima ?", "is rome in oslo ?", "what is a capital ?", "rome"]


def tokenizer(*, padding=True, end=True):
    """A tokenizer of words, spaces included, whose texts go there and back."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*NAMES, " ", *WORDS.split(" ")]
    numbers = {word: i for i, word in enumerate(words)}
    core = Tokenizer(models.WordLevel(numbers, unk_token="a"))  # noqa: S106
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r" |\n"), behavior="isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([AddedToken(name, special=True) for name in NAMES])
    names = {"bos": "<start>", "pad": padding and "<pad>", "eos": end and "<end>"}
    special = {f"{name}_token": token for name, token in names.items() if token}
    return PreTrainedTokenizerFast(tokenizer_object=core, **special)


N_WORDS = len(NAMES) + 1 + len(WORDS.split(" "))
SMALL = {"vocab_size": N_WORDS, "bos_token_id": 3, "eos_token_id": 1, "initializer_range": 0.3}
LLAMA = {
    **SMALL,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}


def llama(**options):
    from transformers import LlamaConfig, LlamaForCausalLM

    return _made(LlamaForCausalLM, LlamaConfig(**LLAMA, **options))


def gemma(**options):
    """A model whose layers look back three tokens or all the way, in turn."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        **LLAMA,
        head_dim=8,
        sliding_window=3,
        layer_types=["sliding_attention", "full_attention"] * 2,
        **options,
    )
    return _made(Gemma3ForCausalLM, config)


def gpt2(**options):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(**SMALL, n_embd=16, n_layer=4, n_head=2, n_positions=64, **options)
    return _made(GPT2LMHeadModel, config)


def bloom(**options):
    """A model without places: attention falls off with the distance."""
    from transformers import BloomConfig, BloomForCausalLM

    return _made(
        BloomForCausalLM, BloomConfig(**SMALL, hidden_size=16, n_layer=4, n_head=2, **options)
    )


def mamba(**options):
    """A model without attention, whose past is a state of one size."""
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(**SMALL, hidden_size=16, num_hidden_layers=4, state_size=4, **options)
    return _made(MambaForCausalLM, config)


def _made(kind, config):
    torch.manual_seed(0)
    return kind(config).eval()
