module github.com/pks-community/pks-release/tools/kubernetes/derive

go 1.26.0

require golang.org/x/mod v0.30.0
