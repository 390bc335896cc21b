//! Parts of images as sources name them: `xywh=` fragments and SVG, to boxes and polygons.
