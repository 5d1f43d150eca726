module github.com/lfs-operator/lfs-operator/hack/cluster

go 1.26.0
