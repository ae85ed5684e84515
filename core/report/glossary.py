"""The terms that users read, each explained in a sentence or two: the one place for them."""

TERMS = {
    "ALL": "leukemic blasts, of acute lymphoblastic leukemia.",
    "HEM": "healthy white cells (haematopoietic), as the data set C-NMC 2019 calls them.",
    "Blast": "an immature white cell; in this app one that is labelled or called ALL.",
    "Review": "the model does not decide: a person should look at the cell.",
    "Probability of ALL": "the model's calibrated share of blasts among cells that look like this.",
    "95% interval": "where the number would lie for 95 of 100 other draws of subjects.",
    "Heat map": "where in the picture the evidence for the call lies, for this model.",
    "Threshold": "the probability of ALL from which on a cell is called ALL.",
    "Review band": "the probabilities around the threshold that are sent to review.",
    "Reference cells": "training cells that the model keeps to compare a new cell with.",
    "Subject": "the patient or volunteer whom a cell was taken from.",
    "Group": "subjects that share copies of images, and so are never put in different parts.",
    "Held-out subjects": "subjects none of whose cells the model was trained on.",
    "Balanced accuracy": "the mean of sensitivity and specificity; 0.5 is chance.",
    "Accuracy": "the share of cells called correctly; high for any model if one class is rare.",
    "Sensitivity": "the share of ALL cells that are called ALL.",
    "Specificity": "the share of HEM cells that are called HEM.",
    "PPV": "positive predictive value: the share of blasts among cells called ALL.",
    "NPV": "negative predictive value: the share of healthy cells among cells called HEM.",
    "Weighted F1": "mean of precision and sensitivity of both classes, weighted by their cells.",
    "ROC AUC": "how often the model ranks a blast above a healthy cell; 0.5 is chance, 1 perfect.",
    "PR AUC": "the area under the curve of precision over sensitivity; 1 is perfect.",
    "Probability error": "how far the probabilities lie from the truth, squared, on average (Brier "
    "score); lower is better.",
    "Calibration error": "how far the stated probabilities lie from the shares of blasts that are "
    "found (expected calibration error, ECE); lower is better.",
    "Prediction error": "what training lowers: small if probabilities are right and sure "
    "(cross-entropy, log-loss).",
    "Calibration": "the rule, fitted on cells that were not trained on, that makes probabilities "
    "mean what they say.",
    "One factor": "all evidence is divided by the same number (temperature scaling).",
    "A factor and a shift": "as one factor, and a constant is added, which also mends how frequent "
    "blasts are held to be (Platt scaling).",
    "Rising curve": "a curve that never falls, fitted with few assumptions (isotonic regression).",
    "Prevalence": "the share of blasts among all cells that are read.",
    "Net benefit": "blasts found, less false alarms weighed by how much worse a missed blast is "
    "held to be than a false alarm.",
    "Fold": "a part of the subjects that is tested on once, by a run trained on the others.",
    "Pruned": "a trial that was stopped early, because earlier ones were better at that epoch.",
    "Log-odds": "the evidence for ALL as a number without bounds: 0 is a probability of 50%, more "
    "speaks for ALL, less for HEM.",
    "Insertion and deletion": "the cell is put together again, or taken apart, in the order of the "
    "heat; a true heat map changes the evidence sooner than a random order does.",
    "Cohen's kappa": "agreement beyond chance: 0 as by chance, 1 complete.",
    "What varies most": "the directions in which the cells differ most (principal components).",
    "Neighbours together": "an arrangement that keeps like cells side by side (UMAP).",
    "Recipe": "a set of settings of a training that belong together.",
    "Architecture": "how the network is built.",
    "Epochs": "passes of training through all its cells.",
    "Batch size": "cells that are learned from at a time.",
    "Learning rate": "how far the network moves at each step.",
    "Seed": "the number that random choices start from; the same seed makes the same choices.",
    "Trial": "one run of a search, with settings of its own.",
    "Dropout": "the share of the network left out at random while it trains, against learning by "
    "heart.",
    "L2 penalty": "what large weights cost in training, against learning by heart.",
    "Label smoothing": "labels are taken as slightly uncertain, against too sure probabilities.",
    "Fine-tuning": "training of layers that came with ImageNet weights, after the rest.",
    "ImageNet": "everyday photographs, on which the published weights were trained.",
    "N:C ratio": "how much of the cell its nucleus takes; high in blasts.",
    "Chromatin": "the texture of the nucleus: open and even in blasts, clumped in mature cells.",
    "Roundness": "4π area / perimeter²: 1 for a disc, less for an irregular outline.",
    "Density": "mean optical density of the nucleus in green light: how dark the stain is.",
}


def explain(*terms: str) -> str:
    """Terms with their explanations, a line each. Raises `KeyError` for an unknown term."""
    return "  \n".join(f"**{term}**: {TERMS[term]}" for term in terms)


def hint(label: str) -> str | None:
    """The explanation of a label, if it is a term."""
    return explain(label) if label in TERMS else None
