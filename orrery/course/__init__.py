"""The course's exercises: what a reader writes in an editor of their own, and what checks it."""
