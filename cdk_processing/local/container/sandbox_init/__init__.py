"""The first processes of a sandbox: create the namespaces and the file system, and start the job's process.

They run in an interpreter of their own, and import only libc and few standard modules, to start fast: every container
starts them once. The library never imports this package. It is not imported as a part of the library either, so its
modules import each other by relative names.
"""
