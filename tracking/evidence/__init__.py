"""Evidence that holds: what was stored is sealed in Merkle trees and a chain of signed checkpoints.

merkle, checkpoint (pure, and the files outside the database) <- leaves, records (canonical bytes of rows) <- store
<- seal (the step of the pipeline), verify (what was altered, missing or added) <- pack <- offline, report
"""
