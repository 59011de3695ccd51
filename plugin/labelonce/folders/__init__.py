"""Files of a folder that move: by cluster, or into a trash folder and back."""
