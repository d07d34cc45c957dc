"""A network in C as a library that others drop into their firmware.

- ``files``: all files of it; ``vectors``: images and logits for its self-test; ``readme``: what it says of itself.
- ``packages``: the layouts of build systems; ``templates``: texts.
"""
