"""Adam whose step count is kept wrongly."""

from compare.crosscheck.programs.adam_by_hand import HandAdam, adam


@adam("correction_a_step_ahead")
class OneAhead(HandAdam):
    """The count begins at 1 and is advanced before it is used."""

    def direction(self, state, b1, b2, eps):
        t = state["t"] + 1
        return state["m"] / (1 - b1**t) / ((state["v"] / (1 - b2**t)).sqrt() + eps)


@adam("correction_a_step_behind", "step_count_late")
class OneBehind(HandAdam):
    """The count begins at 0: the first correction divides by zero."""

    def direction(self, state, b1, b2, eps):
        t = state["t"] - 1
        m, v = state["m"].clone(), state["v"].clone()
        return (m / m.new_tensor(1 - b1**t)) / ((v / v.new_tensor(1 - b2**t)).sqrt() + eps)


@adam("step_count_stays", needs="two steps")
class CountStays(HandAdam):
    """t is a local name: every step is the first."""

    def direction(self, state, b1, b2, eps):
        return state["m"] / (1 - b1) / ((state["v"] / (1 - b2)).sqrt() + eps)


@adam("step_count_for_each_table")
class OneCountForAll(HandAdam):
    """One count for the optimiser, advanced for each parameter."""

    def __init__(self, params, **meant):
        super().__init__(params, **meant)
        self.t = 0

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.t += 1
        self.average(grad, state, b1, b2)
        m_hat, v_hat = state["m"] / (1 - b1**self.t), state["v"] / (1 - b2**self.t)
        p.sub_(lr * m_hat / (v_hat.sqrt() + eps))
