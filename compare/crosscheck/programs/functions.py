"""Dot products, bias sums and sigmoid ranges whose backward pass, by hand, is wrong."""

import torch

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import BookParams, TwoColumns

FROM_HALF = (0.5, 5.5)


class Dot(torch.autograd.Function):
    """Row by row dot product; `backward_of` is what a program changes."""

    @staticmethod
    def forward(ctx, u, v):
        ctx.save_for_backward(u, v)
        return (u * v).sum(1)

    @classmethod
    def of(cls, backward_of):
        """Return the function whose backward pass is backward_of(u, v, d) of d (B, 1)."""

        def backward(ctx, d_out):
            return backward_of(*ctx.saved_tensors, d_out[:, None])

        return type("Dot", (cls,), {"backward": staticmethod(backward)}).apply


class Squash(torch.autograd.Function):
    """sigmoid_range; `gradient` is what a program changes."""

    @staticmethod
    def forward(ctx, x, low, high):
        s = torch.sigmoid(x)
        ctx.save_for_backward(s)
        ctx.ends = low, high
        return s * (high - low) + low

    @classmethod
    def of(cls, gradient):
        """Return the function whose derivative is gradient(s, low, high)."""

        def backward(ctx, d_out):
            return d_out * gradient(*ctx.saved_tensors, *ctx.ends), None, None

        return type("Squash", (cls,), {"backward": staticmethod(backward)}).apply


class ByHand(TwoColumns):
    """A model of functions by hand; the right ones stand here."""

    dot = staticmethod(Dot.of(lambda u, v, d: (d * v, d * u)))
    squash = staticmethod(Squash.of(lambda s, low, high: (high - low) * s * (1 - s)))

    def forward(self, users, items):
        dot = self.dot(self.P[users], self.Q[items])
        return self.squash(dot + self.bu[users] + self.bi[items], *self.y_range)


def wrong_dot(*right, name, doc):
    """Enter a model whose dot product has this backward pass."""

    def enter(backward_of):
        methods = {"dot": staticmethod(Dot.of(backward_of)), "__doc__": doc}
        wrong_model(*right, stage="gradient")(type(name, (ByHand,), methods))
        return backward_of

    return enter


def wrong_range(*right, name, doc, y_range=FROM_HALF):
    """Enter a model whose range has this derivative."""

    def enter(gradient):
        methods = {"squash": staticmethod(Squash.of(gradient)), "__doc__": doc}
        wrong_model(*right, stage="gradient", y_range=y_range)(type(name, (ByHand,), methods))
        return gradient

    return enter


@wrong_dot(
    "gradient_of_its_own_side", "dot_gradients_swapped",
    name="SavedTensorsSwapped", doc="The saved tensors come back in the other order.",
)  # fmt: skip
def sides_swapped(u, v, d):
    return d * u, d * v


@wrong_dot("gradient_of_its_own_side", name="ItemsFromItems", doc="A copied line: d * v for both.")
def items_from_items(u, v, d):
    return d * v, d * v


@wrong_dot("dot_gradient_of_the_sign", name="SignOnly", doc="d is reduced to its sign.")
def sign_only(u, v, d):
    return d.sign() * v, d.sign() * u


@wrong_dot("dot_gradient_twice", name="TwiceAsMuch", doc="A factor 2, as if of a square.")
def twice_as_much(u, v, d):
    return 2 * d * v, 2 * d * u


@wrong_range("range_gradient_without_height", "range_without_gradient",
             name="WithoutHeight", doc="s (1 - s), for any range.")  # fmt: skip
def without_height(s, low, high):
    return s * (1 - s)


@wrong_range("range_gradient_without_1_minus_s", name="WithoutOneMinusS", doc="(high - low) s.")
def without_1_minus_s(s, low, high):
    return (high - low) * s


@wrong_range("sigmoid_gradient_forgotten", name="HeightOnly", doc="The scaling's gradient alone.")
def height_only(s, low, high):
    return high - low


@wrong_range("range_without_gradient", "sigmoid_gradient_forgotten",
             name="StraightThrough", doc="A straight-through estimator.")  # fmt: skip
def straight_through(s, low, high):
    return torch.ones_like(s)


@wrong_range("range_gradient_of_the_output", name="OfTheOutput", doc="y (1 - y), of what is kept.")
def of_the_output(s, low, high):
    y = s * (high - low) + low
    return y * (1 - y)


@wrong_range("range_gradient_of_the_output", name="OfTheOutputScaled", doc="The same, scaled.")
def of_the_output_scaled(s, low, high):
    y = s * (high - low) + low
    return (high - low) * y * (1 - y)


@wrong_range("range_gradient_shifted", name="Leaking", doc="A little is added against saturation.")
def leaking(s, low, high):
    return (high - low) * s * (1 - s) + 0.01


@wrong_range("range_gradient_floored", name="Floored", doc="The slope is never less than 0.01.")
def floored(s, low, high):
    return (high - low) * (s * (1 - s)).clamp(min=0.01)


class BookByHand(BookParams):
    """The book's model with lookups, dot product and biases in one function."""

    def forward(self, x):
        tables = self.user_factors, self.movie_factors, self.user_bias, self.movie_bias
        logit = self.logit(*tables, x[:, 0], x[:, 1])
        low, high = self.y_range
        return torch.sigmoid(logit) * (high - low) + low


class Logit(torch.autograd.Function):
    """The whole logit, right; a program overrides one of the four scatters."""

    @staticmethod
    def forward(ctx, p, q, b, c, users, items):
        ctx.save_for_backward(p, q, b, c, users, items)
        return (p[users] * q[items]).sum(1) + b[users] + c[items]

    @classmethod
    def gradients(cls, p, q, b, c, users, items, d):
        column = d[:, None]
        return (
            torch.zeros_like(p).index_add_(0, users, column * q[items]),
            torch.zeros_like(q).index_add_(0, items, column * p[users]),
            torch.zeros_like(b).index_add_(0, users, d),
            torch.zeros_like(c).index_add_(0, items, d),
        )

    @classmethod
    def changed(cls, change):
        """Return the function with change(gradients, saved, d) in the place of its gradients."""

        def backward(ctx, d):
            saved = ctx.saved_tensors
            return *change(list(cls.gradients(*saved, d)), saved, d), None, None

        return staticmethod(type("Logit", (cls,), {"backward": staticmethod(backward)}).apply)


def user_bias_by_item(gradients, saved, d):
    _, _, b, _, _, items = saved
    gradients[2] = torch.zeros_like(b).index_add_(0, items % len(b), d)
    return gradients


@wrong_model(
    "user_bias_gradient_by_item", stage="gradient", needs="items below the number of users"
)
class UserBiasGradientByItem(BookByHand):
    """A copied line: the user's bias gets its gradient by the item's ids."""

    logit = Logit.changed(user_bias_by_item)


def items_by_user(gradients, saved, d):
    p, q, _, _, users, _ = saved
    gradients[1] = torch.zeros_like(q).index_add_(0, users % len(q), d[:, None] * p[users])
    return gradients


@wrong_model("item_gradient_by_user", stage="gradient", needs="users below the number of items")
class ItemGradientByUser(BookByHand):
    """The item's gradient is scattered by the user's ids."""

    logit = Logit.changed(items_by_user)


def shared_out(gradients, saved, d):
    return gradients[0], gradients[1], gradients[2] / 3, gradients[3] / 3


@wrong_model("bias_gradient_shared_out", stage="gradient")
class SharedOut(BookByHand):
    """The gradient of a sum is shared out over its three terms."""

    logit = Logit.changed(shared_out)
