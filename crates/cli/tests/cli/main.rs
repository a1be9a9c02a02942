//! The binary as its users meet it: commands, output, exit codes.

mod asking;
mod desk;
mod explaining;
mod help;
mod importing;
mod killed;
mod paging;
mod readme;
mod storing;
mod verifying;
