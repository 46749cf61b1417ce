"""A package: a library that the tests install brings one of this name as well."""
