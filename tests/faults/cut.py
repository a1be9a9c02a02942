# Cuts the power of one file system: everything that it was not asked to make durable is gone. It is told where, checks
# again that this is the image made for it and nothing else, says so, waits for a line, and does it.
import array
import fcntl
import os
import sys

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

point, image, token = sys.argv[1:]


def refuse(why):
    sys.exit(f"refused: {why}")


if not os.path.ismount(point) or os.path.realpath(point) != point:
    refuse(f"{point} is no mount point")
handle = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
device = os.fstat(handle).st_dev
for other in ["/", "/tmp", "/var", "/home", os.path.dirname(point), os.path.dirname(image), os.getcwd()]:
    if os.path.exists(other) and os.stat(other).st_dev == device:
        refuse(f"{other} is on the same file system")
numbers = f"{os.major(device)}:{os.minor(device)}"
mounts = [line.split() for line in open("/proc/self/mountinfo")]
mounts = [line for line in mounts if line[2] == numbers]
if len(mounts) != 1 or mounts[0][3] != "/" or mounts[0][4] != point:
    refuse(f"it is mounted as {mounts}")
kind, source = mounts[0][mounts[0].index("-") + 1 :][:2]
name = os.path.basename(source)
if kind != "ext4" or source != f"/dev/{name}" or not name.startswith("loop"):
    refuse(f"it is {kind} on {source}")
backing = open(f"/sys/block/{name}/loop/backing_file").read().rstrip("\n")
if backing != image or os.path.realpath(image) != image:
    refuse(f"{source} is {backing}")
size = os.stat(image).st_size
shape = os.fstatvfs(handle)
if int(open(f"/sys/block/{name}/size").read()) * 512 != size or not size // 2 < shape.f_blocks * shape.f_frsize <= size:
    refuse(f"it has {shape.f_blocks * shape.f_frsize} bytes, and the image {size}")
if not os.path.exists(os.path.join(point, token)):
    refuse(f"it does not hold {token}")
print("ready", flush=True)
if sys.stdin.readline() != "cut\n":
    refuse("it was not asked for")
fcntl.ioctl(handle, FS_IOC_SHUTDOWN, array.array("I", [NO_LOG_FLUSH]), True)
print("cut", flush=True)
