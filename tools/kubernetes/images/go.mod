// What runs in the container images that are built here; the standard library is all it needs.
module github.com/pks-community/pks-release/tools/kubernetes/images

go 1.26.0
