"""The distillation step in plain PyTorch, written to be efficient: what `kdqat bench train` is compared with.

Only looked-up rows of the word embedding are ternarized, each quantizer is one autograd function with a compact
backward, the teacher runs without a graph, and the optimizer is fused. The mathematics are kdqat's (2-bit weights with
one scale a tensor, 8-bit activations with one scale a token; arXiv:2211.11014), but sentences are padded.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

CLIP = 2.5


@dataclass
class Shape:
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int = 30522
    positions: int = 512
    labels: int = 2


SHAPES = {
    "minilm": Shape(6, 384, 12, 1536),
    "bert-base": Shape(12, 768, 12, 3072),
    "bert-large": Shape(24, 1024, 16, 4096),
}


class StraightThrough(torch.autograd.Function):
    """A quantizer of x with one scale over the dimensions `dims`, whose gradient passes below the clip."""

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < CLIP), None


class Ternarize(StraightThrough):
    """Ternary Weight Networks."""

    @staticmethod
    def forward(ctx, w, dims):
        ctx.save_for_backward(w)
        clipped = w.clamp(-CLIP, CLIP)
        magnitude = clipped.abs()
        kept = magnitude > 0.7 * magnitude.mean(dims, keepdim=True)
        scale = (magnitude * kept).sum(dims, keepdim=True) / kept.sum(dims, keepdim=True).clamp_min(1)
        return torch.sign(clipped) * kept * scale


class QuantizeActivation(StraightThrough):
    """Symmetric min-max, 8 bits."""

    @staticmethod
    def forward(ctx, x, dims):
        ctx.save_for_backward(x)
        clipped = x.clamp(-CLIP, CLIP)
        scale = 127.0 / clipped.abs().amax(dims, keepdim=True).clamp_min(1e-30)
        return torch.round(clipped * scale) / scale


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape.hidden
        self.heads = shape.heads
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, shape.intermediate)
        self.down = nn.Linear(shape.intermediate, width)
        self.output_norm = nn.LayerNorm(width, eps=1e-12)

    def linear(self, x, layer, quantized):
        return F.linear(x, Ternarize.apply(layer.weight, (0, 1)) if quantized else layer.weight, layer.bias)

    def split(self, x, quantized):
        heads = x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)
        return QuantizeActivation.apply(heads, (-1, -2)) if quantized else heads

    def forward(self, hidden, bias, quantized, dropout):
        x = QuantizeActivation.apply(hidden, (-1,)) if quantized else hidden
        q, k, v = (self.split(self.linear(x, layer, quantized), quantized)
                   for layer in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if bias is not None:
            scores = scores + bias
        probabilities = torch.softmax(scores.float(), -1)
        used = F.dropout(probabilities, dropout)
        if quantized:
            used = QuantizeActivation.apply(used, (-1, -2))
        context = (used.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        if quantized:
            context = QuantizeActivation.apply(context, (-1,))
        projected = self.linear(context, self.dense, quantized)
        attention_output = self.attention_norm(F.dropout(projected, dropout) + hidden)
        x = QuantizeActivation.apply(attention_output, (-1,)) if quantized else attention_output
        x = F.gelu(self.linear(x, self.up, quantized))
        x = QuantizeActivation.apply(x, (-1,)) if quantized else x
        x = self.linear(x, self.down, quantized)
        return self.output_norm(F.dropout(x, dropout) + attention_output), probabilities, attention_output


class Encoder(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.word = nn.Parameter(torch.randn(shape.vocabulary, shape.hidden) * 0.02)
        self.position = nn.Embedding(shape.positions, shape.hidden)
        self.token_type = nn.Embedding(2, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.pooler = nn.Linear(shape.hidden, shape.hidden)
        self.classifier = nn.Linear(shape.hidden, shape.labels)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, ids, mask=None, quantized=False, dropout=0.0):
        """ids [B, n]; mask [B, n], true at real tokens, or None if there is no padding."""
        word = F.embedding(ids, self.word)
        if quantized:
            word = Ternarize.apply(word, (-1,))
        place = self.position.weight[: ids.shape[1]] + self.token_type.weight[0]
        hidden = F.dropout(self.norm(word + place), dropout)
        bias = None if mask is None else torch.where(mask, 0.0, -1e9)[:, None, None, :]
        hiddens, maps, outputs = [hidden], [], []
        for layer in self.layers:
            hidden, probabilities, output = layer(hidden, bias, quantized, dropout)
            hiddens.append(hidden)
            maps.append(probabilities)
            outputs.append(output)
        first = hidden[:, 0]
        pooler_weight = self.pooler.weight
        if quantized:
            first = QuantizeActivation.apply(first, (-1,))
            pooler_weight = Ternarize.apply(pooler_weight, (0, 1))
        pooled = torch.tanh(F.linear(first, pooler_weight, self.pooler.bias))
        return self.classifier(F.dropout(pooled, dropout)), hiddens, maps, outputs


def unified_loss(teacher, student, mask=None):
    """logit + hidden_state + attention_map + attention_output, means over real tokens."""
    teacher_logits, teacher_hidden, teacher_maps, teacher_outputs = teacher
    logits, hidden, maps, outputs = student
    total = -(torch.softmax(teacher_logits.float(), -1) * torch.log_softmax(logits.float(), -1)).sum(-1).mean()
    pairs = list(zip(hidden, teacher_hidden)) + list(zip(outputs, teacher_outputs))
    for s, t in pairs:
        if mask is None:
            total = total + F.mse_loss(s.float(), t.float())
        else:
            weight = mask[..., None]
            total = total + ((s.float() - t.float()).square() * weight).sum() / (weight.sum() * s.shape[-1])
    for s, t in zip(maps, teacher_maps):
        t = t.clamp_min(1e-8)
        divergence = (t * (t.log() - s.clamp_min(1e-8).log())).sum(-1)  # [B, H, n]
        if mask is None:
            total = total + divergence.mean()
        else:
            rows = (divergence * mask[:, None, :]).sum((1, 2)) / (mask.sum(1) * s.shape[1])
            total = total + rows.mean()
    return total


def clip_each(parameters, max_norm=1.0):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)
    factors = [torch.clamp(max_norm / (norm + 1e-6), max=1.0) for norm in norms]
    torch._foreach_mul_(gradients, factors)


class Trainer:
    """Teacher, student and optimizer; `precision` fp32 or bf16 (autocast), `compiled` by torch.compile."""

    def __init__(self, shape, precision, compiled, teacher=None):
        self.teacher = teacher or Encoder(shape)
        self.teacher.requires_grad_(False).eval()
        self.student = Encoder(shape)
        self.student.load_state_dict(self.teacher.state_dict())
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=1e-4, eps=1e-6, fused=True)
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")
        self.loss = torch.compile(self._loss) if compiled else self._loss

    def _loss(self, ids, mask):
        with torch.no_grad():
            teacher = self.teacher(ids, mask)
        student = self.student(ids, mask, quantized=True, dropout=0.1)
        return unified_loss(teacher, student, mask)

    def step(self, ids, mask=None):
        with self.autocast:
            loss = self.loss(ids, mask)
        loss.backward()
        clip_each(list(self.student.parameters()))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()
