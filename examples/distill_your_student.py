"""Any Keras student learns from any Keras teacher: `python examples/distill_your_student.py`."""

import tf_keras
from sklearn.datasets import load_digits
from tf_keras import layers

import tinykd

x, y = load_digits(return_X_y=True)
x, y = x[:1200].astype("float32") / 16, y[:1200]
teacher = tf_keras.Sequential([layers.Dense(256, activation="relu"), layers.Dense(10)])
teacher.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
teacher.fit(x, y, epochs=15, verbose=0)

student = tf_keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(10)])
student = tinykd.distill(teacher, student, (x, y), losses={"dist": 1.0, "labels": 1.0}, epochs=30)
found = student.distillation
print(f"with its teacher {found.student_validation_accuracy:.1%}, ", end="")
print(f"without {found.scratch_validation_accuracy:.1%}: {found.shipped} is kept")
student.save("student.keras")
