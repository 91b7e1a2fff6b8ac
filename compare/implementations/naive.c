/* The five operations and the two steps as plain loops.  Compiled once with REAL float and once
   with REAL double; tgmath picks expf or exp.  Ids and shapes were judged by the caller. */

#include <stdint.h>
#include <tgmath.h>

/* out (b, k) = rows ids of weight (n, k) */
void embedding_forward(REAL *out, const REAL *weight, const int64_t *ids, int64_t b, int64_t k) {
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < k; j++) out[i * k + j] = weight[ids[i] * k + j];
}

/* d_weight (n, k), zero on entry: a row named twice gets both */
void embedding_backward(REAL *d_weight, const REAL *d_out, const int64_t *ids, int64_t b,
                        int64_t k) {
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < k; j++) d_weight[ids[i] * k + j] += d_out[i * k + j];
}

void row_dot_forward(REAL *out, const REAL *left, const REAL *right, int64_t b, int64_t k) {
    for (int64_t i = 0; i < b; i++) {
        REAL sum = 0;
        for (int64_t j = 0; j < k; j++) sum += left[i * k + j] * right[i * k + j];
        out[i] = sum;
    }
}

/* out (b, k) = d_out (b) times the rows of the other side */
void row_dot_backward(REAL *out, const REAL *d_out, const REAL *other, int64_t b, int64_t k) {
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < k; j++) out[i * k + j] = d_out[i] * other[i * k + j];
}

void bias_forward(REAL *out, const REAL *dot, const REAL *user_bias, const REAL *item_bias,
                  const int64_t *users, const int64_t *items, int64_t b) {
    for (int64_t i = 0; i < b; i++) out[i] = dot[i] + user_bias[users[i]] + item_bias[items[i]];
}

/* s (b) is kept for the backward */
void sigmoid_range_forward(REAL *out, REAL *s, const REAL *x, REAL low, REAL height, int64_t b) {
    for (int64_t i = 0; i < b; i++) {
        s[i] = 1 / (1 + exp(-x[i]));
        out[i] = s[i] * height + low;
    }
}

void sigmoid_range_backward(REAL *d_x, const REAL *d_out, const REAL *s, REAL height, int64_t b) {
    for (int64_t i = 0; i < b; i++) d_x[i] = d_out[i] * height * (1 - s[i]) * s[i];
}

/* loss (1); error (b) is kept for the backward */
void mse_forward(REAL *loss, REAL *error, const REAL *pred, const REAL *rating, int64_t b) {
    REAL sum = 0;
    for (int64_t i = 0; i < b; i++) {
        error[i] = pred[i] - rating[i];
        sum += error[i] * error[i];
    }
    *loss = sum / (REAL)b;
}

void mse_backward(REAL *d_pred, const REAL *error, REAL d_loss, int64_t b) {
    for (int64_t i = 0; i < b; i++) d_pred[i] = 2 / (REAL)b * error[i] * d_loss;
}

/* w, buf (n) are changed; first: buf has no content yet; shrink = 1 - lr * decoupled decay */
void sgd_step(REAL *w, const REAL *gradient, REAL *buf, int first, double lr, double momentum,
              double dampening, int nesterov, double decay, double shrink, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        w[i] *= (REAL)shrink;
        REAL g = gradient[i] + (REAL)decay * w[i];
        if (momentum != 0) {
            buf[i] = first ? g : (REAL)momentum * buf[i] + (REAL)(1 - dampening) * g;
            g = nesterov ? g + (REAL)momentum * buf[i] : buf[i];
        }
        w[i] -= (REAL)lr * g;
    }
}

/* w, m, v (n) are changed; scale = lr / (1 - beta1**t), root = sqrt(1 - beta2**t) */
void adam_step(REAL *w, const REAL *gradient, REAL *m, REAL *v, double scale, double root,
               double beta1, double beta2, double eps, double decay, double shrink, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        w[i] *= (REAL)shrink;
        REAL g = gradient[i] + (REAL)decay * w[i];
        m[i] = (REAL)beta1 * m[i] + (REAL)(1 - beta1) * g;
        v[i] = (REAL)beta2 * v[i] + (REAL)(1 - beta2) * g * g;
        w[i] -= (REAL)scale * (m[i] / (sqrt(v[i]) / (REAL)root + (REAL)eps));
    }
}
