"""OGC API Features: the stations for QGIS, ArcGIS, GDAL and others. A second face of `api`."""
