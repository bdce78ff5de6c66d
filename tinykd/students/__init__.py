"""Students: small networks that a microcontroller can run, scaled by one width."""

from tinykd.students.architectures import STUDENTS, build_student
from tinykd.students.cost import count_macs, list_students, summarize_student

__all__ = ["STUDENTS", "build_student", "count_macs", "list_students", "summarize_student"]
