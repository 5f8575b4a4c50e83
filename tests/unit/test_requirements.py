"""What Odoo asks of Python is there before a database asks for it."""

from odoo.modules.module import Manifest, MissingDependency


def _find_missing(manifest):
    try:
        manifest.check_manifest_dependencies()
    except MissingDependency as error:
        return error.dependency
    return None


def _find_depends(manifests, names):
    depends = {depend for name in names for depend in manifests[name]["depends"]}
    # OCA's job queue is in databases of its own only.
    return depends & set(manifests)


def test_whatever_the_country_of_a_company_installs_finds_its_packages():
    """Odoo installs what belongs to a country as soon as a company is there."""
    manifests = {each.name: each for each in Manifest.all_addon_manifests()}
    wanted = {
        name
        for name, manifest in manifests.items()
        if manifest["auto_install"] or manifest.raw_value("countries")
    }
    while needed := _find_depends(manifests, wanted) - wanted:
        wanted |= needed
    assert {"omni_billing", "l10n_fr_account", "account_peppol"} <= wanted
    missing = {name: _find_missing(manifests[name]) for name in sorted(wanted)}
    assert {name: what for name, what in missing.items() if what} == {}
