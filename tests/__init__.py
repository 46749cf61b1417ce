"""Tests. A package, since a library that the tests install brings a package of this name as well."""
