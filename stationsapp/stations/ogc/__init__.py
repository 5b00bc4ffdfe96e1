"""OGC API Features: the same stations as in `api`, for QGIS, ArcGIS, GDAL and others."""
