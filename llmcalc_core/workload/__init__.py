"""What is asked of a replica: layouts, batches, lengths and techniques, as axes of a grid."""
