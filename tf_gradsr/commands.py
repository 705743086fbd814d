"""The list of commands; none of them is imported here."""

from tf_gradsr.cli import Command

FACES = Command(
    "Faces of people who do not exist, to try things out and to train on.",
    commands={
        "write": Command("Write the faces of the package as files.", "tf_gradsr.faces.write_faces"),
        "synthesize": Command("Make more of them (extra [faces]).", "tf_gradsr.faces.synthesize"),
    },
)
EXPORT = Command(
    "A trained model for servers, phones, browsers and other Keras programs.",
    commands={
        "saved-model": Command(
            "A SavedModel for TF-Serving (extra [serving]).", "tf_gradsr.export.serving.saved_model"
        ),
        "tflite": Command(
            "A LiteRT file for phones and browsers (extra [mobile]).", "tf_gradsr.export.lite.tflite"
        ),
        "keras": Command("A .keras file for other Keras programs.", "tf_gradsr.export.keras_file"),
    },
)
WEB = Command(
    "The page that hallucinates in the browser.",
    commands={
        "build": Command("Make a folder for any static web server (needs npm).", "tf_gradsr.web.build"),
        "serve": Command("Show a page on this machine.", "tf_gradsr.web.serve"),
        "screenshot": Command(
            "A picture of a page, and how fast it is (needs Chromium).", "tf_gradsr.web.screenshot"
        ),
    },
)
GRADSR = Command(
    "One-to-many face super-resolution that downscales back to its input.",
    commands={
        "hallucinate": Command("Make plausible large pictures of small ones.", "tf_gradsr.hallucinate"),
        "bulk": Command("The same for very many pictures, on Ray (extra [ray]).", "tf_gradsr.bulk"),
        "photo": Command(
            "Enlarge photographs with the faces in them hallucinated (extra [photos]).", "tf_gradsr.photo"
        ),
        "align": Command("Cut the faces out of photographs (extra [photos]).", "tf_gradsr.align"),
        "train": Command("Train a model, or continue training it.", "tf_gradsr.train"),
        "train-clean-lr": Command(
            "Train a run's network for damaged inputs, such as faces in photographs.",
            "tf_gradsr.train_clean_lr",
        ),
        "evaluate": Command("Measure trained models side by side.", "tf_gradsr.evaluate"),
        "models": Command("List the models that come with the package.", "tf_gradsr.preset_models"),
        "package": Command("Make a trained model small enough to ship.", "tf_gradsr.package_weights"),
        "faces": FACES,
        "export": EXPORT,
        "client": Command("Send pictures to a served model (extra [serving]).", "tf_gradsr.client"),
        "benchmark": Command("Time exported models side by side.", "tf_gradsr.benchmark"),
        "web": WEB,
    },
)
