# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a JUnit file, by what Jenkins' schema (junit-10.xsd) says
of elements, attributes and their order, and by its own sums."""
import re
import xml.etree.ElementTree as ET

NUMBER = re.compile(r"^\d+(\.\d+)?$")
WHOLE = re.compile(r"^\d+$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
ANY = re.compile(r"", re.S)

# element: (required attributes, optional ones, children in their order)
SCHEMA = {
    "testsuites": ({}, {"name": ANY, "time": NUMBER, "tests": WHOLE,
                        "failures": WHOLE, "errors": WHOLE,
                        "disabled": WHOLE}, ["testsuite"]),
    "testsuite": ({"name": ANY, "tests": WHOLE},
                  {"failures": WHOLE, "errors": WHOLE, "skipped": WHOLE,
                   "disabled": WHOLE, "time": NUMBER, "timestamp": TIME,
                   "hostname": ANY, "id": ANY, "package": ANY},
                  ["properties", "testcase", "system-out", "system-err"]),
    "testcase": ({"name": ANY},
                 {"classname": ANY, "time": NUMBER, "assertions": WHOLE,
                  "status": ANY},
                 ["skipped", "error", "failure", "system-out",
                  "system-err"]),
    "skipped": ({}, {"message": ANY, "type": ANY}, []),
    "error": ({}, {"message": ANY, "type": ANY}, []),
    "failure": ({}, {"message": ANY, "type": ANY}, []),
}


def attributes(e, required, optional):
    for name in required:
        if name not in e.attrib:
            yield f"<{e.tag}> has no {name}"
    for name, value in e.attrib.items():
        pattern = {**required, **optional}.get(name)
        if pattern is None:
            yield f"<{e.tag}> may not have {name}"
        elif not pattern.match(value):
            yield f"<{e.tag} {name}>: '{value}'"


def element(e):
    if e.tag not in SCHEMA:
        yield f"unknown <{e.tag}>"
        return
    required, optional, children = SCHEMA[e.tag]
    yield from attributes(e, required, optional)
    order = [children.index(c.tag) if c.tag in children else -1 for c in e]
    if -1 in order or order != sorted(order):
        yield f"<{e.tag}> has {[c.tag for c in e]}"
    for child in e:
        yield from element(child)


def sums(suite):
    cases = suite.findall("testcase")
    for name, n in (("tests", len(cases)),
                    ("failures", len(suite.findall("testcase/failure"))),
                    ("errors", len(suite.findall("testcase/error"))),
                    ("skipped", len(suite.findall("testcase/skipped")))):
        if int(suite.get(name, n)) != n:
            yield f"{name} is {suite.get(name)}, and there are {n}"


def problems(text):
    root = ET.fromstring(text)
    found = list(element(root))
    if root.tag != "testsuites":
        found.append(f"the root is <{root.tag}>")
    for suite in root.findall("testsuite"):
        found += sums(suite)
    return found
