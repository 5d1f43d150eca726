# One image for all roles: the operator (/manager) and the LFS server with its
# jobs (/lfs-server). No shell, no package manager, nothing that is not needed.
ARG GO_IMAGE=golang:1.26
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags "-s -w" -o /out/manager ./cmd/manager \
 && go build -trimpath -ldflags "-s -w" -o /out/lfs-server ./cmd/lfs-server

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/manager /out/lfs-server /
USER 65532:65532
ENTRYPOINT ["/manager"]
