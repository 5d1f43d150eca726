module github.com/lfs-operator/lfs-operator/hack/images

go 1.26.0
