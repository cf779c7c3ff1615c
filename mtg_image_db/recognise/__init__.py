"""Find the cards in a photo and name them, or say that an answer is not sure.

Constants whose docstring ends with "By hand." were chosen by hand and never fitted; the others name
their source. This also holds for `pictures`, `encoders` and `index`.
"""
