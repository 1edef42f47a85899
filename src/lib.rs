//! Evenkeel keeps AWS stacks able to lose an Availability Zone.
