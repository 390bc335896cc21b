//! `serve`: a folder of images or a finished set over IIIF.
