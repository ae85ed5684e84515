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
    "Balanced accuracy": "the mean of sensitivity and specificity; 0.5 is a coin.",
    "Accuracy": "the share of cells called rightly; high for any model if one class is rare.",
    "Sensitivity": "the share of ALL cells that are called ALL.",
    "Specificity": "the share of HEM cells that are called HEM.",
    "PPV": "positive predictive value: the share of blasts among cells called ALL.",
    "NPV": "negative predictive value: the share of healthy cells among cells called HEM.",
    "Weighted F1": "mean of precision and sensitivity of both classes, weighted by their cells.",
    "ROC AUC": "how often the model ranks a blast above a healthy cell; 0.5 is a coin, 1 perfect.",
    "PR AUC": "the area under the curve of precision over sensitivity; 1 is perfect.",
    "Brier score": "the mean squared error of the probabilities; lower is better.",
    "ECE": "expected calibration error: how far probabilities lie from shares; lower is better.",
    "Cross-entropy": "the loss that training lowers: small if probabilities are right and sure.",
    "Calibration": "the rule, fitted on the validation part, that makes a probability of a logit.",
    "Prevalence": "the share of blasts among all cells that are read.",
    "Fold": "a part of the subjects that is tested on once, by a run trained on the others.",
    "Pruned": "a trial that was stopped early, because earlier ones were better at that epoch.",
    "Log-odds": "the logarithm of the odds of ALL; 0 is a probability of 50%.",
    "N:C ratio": "how much of the cell its nucleus takes; high in blasts.",
    "Chromatin": "the texture of the nucleus: open and even in blasts, clumped in mature cells.",
    "Roundness": "4π area / perimeter²: 1 for a disc, less for an irregular outline.",
    "Density": "mean optical density of the nucleus in green light: how dark the stain is.",
}


def explain(*terms: str) -> str:
    """Terms with their explanations, a line each. Raises `KeyError` for an unknown term."""
    return "  \n".join(f"**{term}**: {TERMS[term]}" for term in terms)
