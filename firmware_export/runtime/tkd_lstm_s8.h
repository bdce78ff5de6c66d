#ifndef TKD_LSTM_S8_H
#define TKD_LSTM_S8_H

#include "tkd_clamp.h"
#include "tkd_clamp_s16.h"
#include "tkd_dsp.h"
#include "tkd_logistic_s16.h"
#include "tkd_requantize.h"
#include "tkd_tanh_s16.h"

/* The gates have the order input, forget, cell, output. */
#define TKD_GATES 4

/* From sums of products to numbers of format Q3.12, for each gate. */
typedef struct {
    int32_t multiplier[TKD_GATES];
    int32_t right_shift[TKD_GATES];
} tkd_lstm_scale;

/* time_major         1 where time is the first dimension of input and output, 0 where the batch is
 * cell_limit         the cell state is clipped to [-cell_limit, cell_limit]
 * cell_tanh_right    binary places from the cell state down to Q3.12; negative for up
 * cell_right_shift   binary places from a product of two Q0.15 down to the cell state, less one */
typedef struct {
    int32_t batches;
    int32_t steps;
    int32_t features;
    int32_t units;
    int32_t time_major;
    int32_t cell_limit;
    int32_t cell_tanh_right;
    int32_t cell_right_shift;
    int32_t hidden_multiplier;
    int32_t hidden_right_shift;
    int32_t hidden_zero_point;
} tkd_lstm_shape;

/* sums[k] += sum_i input[i] * weights[i / 4][k][i % 4], for the four gates of one unit */
TKD_INLINE void tkd_lstm_dot(const int8_t *input, const int8_t *weights, int32_t length,
                             int32_t sums[TKD_GATES])
{
    int32_t i = 0;
#if TKD_DSP
    for (; i + 4 <= length; i += 4) {
        const uint32_t x = tkd_load_word(input + i);
        const uint32_t x_even = tkd_widen_even(x);
        const uint32_t x_odd = tkd_widen_odd(x);
        for (int32_t k = 0; k < TKD_GATES; ++k) {
            const uint32_t w = tkd_load_word(weights + 4 * (i + k));
            sums[k] = tkd_multiply_pairs(x_even, tkd_widen_even(w), sums[k]);
            sums[k] = tkd_multiply_pairs(x_odd, tkd_widen_odd(w), sums[k]);
        }
    }
#endif
    for (; i + 4 <= length; i += 4) {
        const int8_t *const x = input + i;
        const int8_t *const w = weights + 4 * i;
        for (int32_t k = 0; k < TKD_GATES; ++k) {
            sums[k] += x[0] * w[4 * k] + x[1] * w[4 * k + 1] + x[2] * w[4 * k + 2] +
                       x[3] * w[4 * k + 3];
        }
    }
    for (const int8_t *w = weights + 4 * i; i < length; ++i, ++w) {
        const int32_t x = input[i];
        for (int32_t k = 0; k < TKD_GATES; ++k) {
            sums[k] += x * w[4 * k];
        }
    }
}

/* The new hidden value of one unit, from its sums; *cell is its cell state before and after. */
TKD_INLINE int8_t tkd_lstm_unit(const tkd_lstm_shape *shape, const tkd_lstm_scale *from_input,
                                const tkd_lstm_scale *from_hidden,
                                const int32_t input_sums[TKD_GATES],
                                const int32_t hidden_sums[TKD_GATES], int16_t *cell)
{
    const int32_t half = (int32_t)1 << 30;
    int32_t gates[TKD_GATES];
    for (int32_t k = 0; k < TKD_GATES; ++k) {
        const int32_t of_input = tkd_requantize(input_sums[k], from_input->multiplier[k],
                                                from_input->right_shift[k]);
        const int32_t of_hidden = tkd_requantize(hidden_sums[k], from_hidden->multiplier[k],
                                                 from_hidden->right_shift[k]);
        gates[k] = tkd_clamp_s16(tkd_clamp_s16(of_input) + tkd_clamp_s16(of_hidden));
    }
    const int32_t added = tkd_logistic_s16(gates[0]) * tkd_tanh_s16(3 * gates[2]);
    const int32_t kept = tkd_logistic_s16(gates[1]) * *cell;
    int32_t state = tkd_clamp_s16(
        tkd_clamp_s16(tkd_requantize(kept, half, 14)) +
        tkd_clamp_s16(tkd_requantize(added, half, shape->cell_right_shift)));
    state = state > shape->cell_limit ? shape->cell_limit : state;
    state = state < -shape->cell_limit ? -shape->cell_limit : state;
    *cell = (int16_t)state;

    const int32_t right = shape->cell_tanh_right;
    const int32_t rounding = right > 0 ? ((int32_t)1 << right) >> 1 : 0;
    const int32_t scaled = right > 0 ? (3 * state + rounding) >> right
                                     : 3 * state * ((int32_t)1 << -right);
    const int32_t hidden = tkd_requantize(tkd_tanh_s16(scaled) * tkd_logistic_s16(gates[3]),
                                          shape->hidden_multiplier, shape->hidden_right_shift);
    return tkd_clamp(hidden + shape->hidden_zero_point, INT8_MIN, INT8_MAX);
}

/* For each step t of a sequence, with hidden[-1] and cell[-1] from the state:
 *   gate[k] = activation(saturate(saturate(scaled(weights[k] x[t] + bias[k]))
 *                                 + saturate(scaled(recurrent[k] hidden[t - 1]))))
 *   cell[t] = clip(saturate(gate[forget] * cell[t - 1]) + saturate(gate[input] * gate[cell]))
 *   hidden[t] = gate[output] * tanh(cell[t]), which is the output
 * Gates and cell are int16: gates of format Q3.12 before their activation, which is tanh for the
 * cell gate and the logistic function for the others, and Q0.15 after it.
 * input_weights      [units, features / 4 rounded up, 4 gates, 4]  int8, zero point 0
 * recurrent_weights  [units, units / 4 rounded up, 4 gates, 4]     int8, zero point 0
 * biases             [units, input and hidden, 4 gates] with what the zero points add
 * input              [batches, steps, features] int8, or steps first
 * hidden             [batches, units] int8, state
 * cell               [batches, units] int16, state
 * output             [batches, steps, units] int8, or steps first; must not overlap the others
 * Source: tensorflow/lite/micro/kernels/lstm_eval.h, EvalLstm;
 *         tensorflow/lite/micro/kernels/lstm_eval_common.cc. */
TKD_INLINE void tkd_lstm_s8(const tkd_lstm_shape *shape, const tkd_lstm_scale *from_input,
                            const tkd_lstm_scale *from_hidden, const int8_t *input_weights,
                            const int8_t *recurrent_weights, const int32_t *biases,
                            const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output)
{
    const int32_t units = shape->units;
    const int32_t input_run = TKD_GATES * ((shape->features + 3) & ~3);
    const int32_t recurrent_run = TKD_GATES * ((units + 3) & ~3);
    for (int32_t batch = 0; batch < shape->batches; ++batch) {
        const int8_t *before = hidden + batch * units;
        for (int32_t step = 0; step < shape->steps; ++step) {
            const int32_t row = shape->time_major ? step * shape->batches + batch
                                                  : batch * shape->steps + step;
            for (int32_t unit = 0; unit < units; ++unit) {
                const int32_t *const bias = biases + 2 * TKD_GATES * unit;
                int32_t input_sums[TKD_GATES];
                int32_t hidden_sums[TKD_GATES];
                for (int32_t k = 0; k < TKD_GATES; ++k) {
                    input_sums[k] = bias[k];
                    hidden_sums[k] = bias[TKD_GATES + k];
                }
                tkd_lstm_dot(input + row * shape->features, input_weights + unit * input_run,
                             shape->features, input_sums);
                tkd_lstm_dot(before, recurrent_weights + unit * recurrent_run, units,
                             hidden_sums);
                output[row * units + unit] =
                    tkd_lstm_unit(shape, from_input, from_hidden, input_sums, hidden_sums,
                                  cell + batch * units + unit);
            }
            before = output + row * units;
        }
        for (int32_t unit = 0; unit < units; ++unit) {
            hidden[batch * units + unit] = before[unit];
        }
    }
}

#endif
