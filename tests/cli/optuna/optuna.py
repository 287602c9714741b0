"""Stands in for Optuna where the example of docs/SWEEPS.md is tested: the same names, values drawn evenly."""
import math
import random


class Trial:
    def __init__(self):
        self.params = {}

    def suggest_float(self, name, low, high, log=False):
        ends = (math.log(low), math.log(high)) if log else (low, high)
        drawn = random.uniform(*ends)
        self.params[name] = math.exp(drawn) if log else drawn
        return self.params[name]

    def suggest_int(self, name, low, high):
        self.params[name] = random.randint(low, high)
        return self.params[name]


class Study:
    def __init__(self):
        self.told = []

    def ask(self):
        return Trial()

    def tell(self, trial, value):
        self.told.append((value, trial.params))

    @property
    def best_params(self):
        return min(self.told, key=lambda told: told[0])[1]


def create_study():
    return Study()
