"""Microcontrollers, simulated by QEMU: a network in C is compiled for one, run, and measured.

- ``target``: the table of them; ``simulate``: compile, run, compare; ``link_map``: what lies where.
- ``board``: start-up code, linker scripts and the program, in C.
"""
